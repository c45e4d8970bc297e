/** What the service's errors mean to the core: gRPC status codes (google.rpc.Code) as portable ones. */
import { type PublishResult, TransportError, type TransportErrorCode } from "../../src/transport/port.ts";

type Failure = Extract<PublishResult, { ok: false }>;

interface Meaning {
  readonly code: TransportErrorCode;
  /** Whether a publish with this answer is proven not stored. */
  readonly isStored: "no" | "unknown";
}

/**
 * By number. A status that the client makes itself when the connection is lost (CANCELLED, UNKNOWN, DEADLINE_EXCEEDED,
 * INTERNAL, UNAVAILABLE) says nothing of what the service did.
 */
export const STATUS_MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [1, { code: "unavailable", isStored: "unknown" }], // CANCELLED
  [2, { code: "unknown", isStored: "unknown" }], // UNKNOWN
  [3, { code: "invalid", isStored: "no" }], // INVALID_ARGUMENT
  [4, { code: "timeout", isStored: "unknown" }], // DEADLINE_EXCEEDED
  [5, { code: "not_found", isStored: "no" }], // NOT_FOUND
  [6, { code: "invalid", isStored: "no" }], // ALREADY_EXISTS
  [7, { code: "permission_denied", isStored: "no" }], // PERMISSION_DENIED
  [8, { code: "throttled", isStored: "no" }], // RESOURCE_EXHAUSTED: a quota
  [9, { code: "invalid", isStored: "no" }], // FAILED_PRECONDITION
  [10, { code: "aborted", isStored: "no" }], // ABORTED
  [11, { code: "invalid", isStored: "no" }], // OUT_OF_RANGE
  [12, { code: "invalid", isStored: "no" }], // UNIMPLEMENTED
  [13, { code: "unknown", isStored: "unknown" }], // INTERNAL
  [14, { code: "unavailable", isStored: "unknown" }], // UNAVAILABLE
  [15, { code: "unknown", isStored: "unknown" }], // DATA_LOSS
  [16, { code: "permission_denied", isStored: "no" }], // UNAUTHENTICATED
]);

/** Also RESOURCE_EXHAUSTED, but of one message: gRPC's own limit, on a test server or in a proxy. */
const TOO_LARGE = /larger than max/;
const ALREADY_EXISTS = 6;

/** The gRPC status; undefined for an error from before the request, as when no credentials were found. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "number" && STATUS_MEANINGS.has(error.code) ? error.code : undefined;
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof TransportError && statusOf(error.cause) === ALREADY_EXISTS;
}

/** `what` is what was tried, as the beginning of a sentence. The message has no text of the native error but its details. */
export function toTransportError(error: unknown, what: string): TransportError {
  if (error instanceof TransportError) return error;
  const status = statusOf(error);
  const meaning = status === undefined ? undefined : STATUS_MEANINGS.get(status);
  if (meaning === undefined) {
    const message = `${what} failed before a request was sent; if credentials are missing or wrong, name them in the transport's settings`;
    return new TransportError("unknown", message, { cause: error });
  }
  const details = error instanceof Error && "details" in error ? String(error.details) : "";
  const code = TOO_LARGE.test(details) ? "too_large" : meaning.code;
  return new TransportError(code, `${what} failed: ${details === "" ? code : details}`, { cause: error });
}

export function failure(error: TransportError, stored: Failure["stored"] = "no"): Failure {
  return { ok: false, error, stored };
}

/** What became of a publish that failed. One without a native error was refused here, before it was sent. */
export function publishFailure(error: TransportError): Failure {
  if (error.cause === undefined) return failure(error);
  const status = statusOf(error.cause);
  return failure(error, (status === undefined ? undefined : STATUS_MEANINGS.get(status)?.isStored) ?? "unknown");
}

export function closedError(): TransportError {
  return new TransportError("closed", "The Pub/Sub transport, or this part of it, is closed");
}
