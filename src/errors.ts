/**
 * The one list of what can go wrong at the edges of Pulsebus. A code is stable: it is the last segment of the `type` of
 * a problem answer (RFC 9457), the README documents each, and a test holds the three together. Which HTTP status a code
 * has is decided in `src/http/problem.ts`.
 */
export type ErrorCode =
  | "invalid-event"
  | "unsupported-media-type"
  | "too-large"
  | "invalid-request"
  | "not-supported"
  | "unknown-topic"
  | "unknown-subscription"
  | "unknown-delivery"
  | "lock-lost"
  | "not-found"
  | "method-not-allowed"
  | "conflict"
  | "precondition-failed"
  | "read-only"
  | "forbidden-origin"
  | "throttled"
  | "storage-full"
  | "unavailable"
  | "partly-stored"
  | "draining"
  | "invalid-configuration"
  | "data-directory-in-use"
  | "internal";

export interface ErrorDetails {
  /** Where the fault is: an attribute's name, a JSON pointer such as `/filters/0/exact`, or a configuration path. */
  readonly at?: string;
  /** The index of the event in a batch. */
  readonly index?: number;
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An error that a user may see. `message` says what is wrong and, where it is not obvious, what to do next. */
export class PulsebusError extends Error {
  override readonly name = "PulsebusError";
  readonly code: ErrorCode;
  readonly at: string | undefined;
  readonly index: number | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.at = details.at;
    this.index = details.index;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
