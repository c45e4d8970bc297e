/** Errors as RFC 9457 problem details: the one place that knows which HTTP status an error has. */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type ErrorCode, PulsebusError } from "../errors.ts";
import { RETRY_AFTER_SECONDS_DEFAULT } from "../limits.ts";
import type { Logger } from "../runtime/logger.ts";

const TYPE_BASE = "https://pulsebus.dev/problems/";

interface Kind {
  readonly status: number;
  readonly title: string;
}

/** RFC 9457 §3.1.4: the title is the same for every occurrence; what is special about one stands in `detail`. */
export const PROBLEM_KINDS: Readonly<Record<ErrorCode, Kind>> = {
  "invalid-event": { status: 400, title: "The event is not a valid CloudEvent" },
  "unsupported-media-type": { status: 415, title: "The media type or content coding is not supported" },
  "too-large": { status: 413, title: "The request is too large" },
  "invalid-request": { status: 400, title: "The request is invalid" },
  "not-supported": { status: 422, title: "The request asks for something that is not supported" },
  "unknown-topic": { status: 404, title: "There is no such topic" },
  "unknown-subscription": { status: 404, title: "There is no such subscription" },
  "unknown-delivery": { status: 404, title: "There is no such delivery" },
  "lock-lost": { status: 409, title: "The lock is not held any more" },
  "not-found": { status: 404, title: "There is nothing at this address" },
  "method-not-allowed": { status: 405, title: "The method is not allowed here" },
  conflict: { status: 409, title: "The request conflicts with what is there" },
  "precondition-failed": { status: 412, title: "The resource was changed in the meantime" },
  "read-only": { status: 409, title: "The resource can't be changed here" },
  "forbidden-origin": { status: 403, title: "The request comes from a foreign origin" },
  throttled: { status: 429, title: "Too many requests at once" },
  "storage-full": { status: 503, title: "The storage is full" },
  unavailable: { status: 503, title: "The service is not available now" },
  "partly-stored": { status: 503, title: "The batch was stored in part" },
  draining: { status: 503, title: "The server is shutting down" },
  "invalid-configuration": { status: 422, title: "The configuration is invalid" },
  "data-directory-in-use": { status: 503, title: "Another process uses the data directory" },
  internal: { status: 500, title: "An internal error" },
};

/** A problem document; members after `instance` are our extensions (RFC 9457 §3.2). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  /** The attribute, JSON pointer, parameter or header at fault. */
  readonly at?: string;
  /** The event of a batch. */
  readonly index?: number;
  readonly retryAfterSeconds?: number;
  /** One result per event of a batch that was stored in part. */
  readonly results?: readonly StoreResult[];
}

export interface StoreResult {
  readonly stored: "yes" | "no" | "unknown";
  /** Where it is stored. */
  readonly position?: string;
  /** It was published before: `position` is where it has been since. */
  readonly duplicate?: true;
  readonly type?: string;
  readonly detail?: string;
}

/** The stable URI of an error code; the README documents each. */
export function problemType(code: ErrorCode): string {
  return TYPE_BASE + code;
}

/** The problem that a user sees. What is no `PulsebusError` is a defect: its text goes to the log, not to the user. */
export function problemOf(error: unknown, logger: Logger): Problem {
  if (!(error instanceof PulsebusError)) return internalProblem(error, logger);
  const { status, title } = PROBLEM_KINDS[error.code];
  const retryAfterSeconds = retryAfter(status, error.retryAfterSeconds);
  return {
    type: problemType(error.code),
    title,
    status,
    detail: error.message,
    // The pointer of the whole document says nothing.
    ...(error.at ? { at: error.at } : {}),
    ...(error.index === undefined ? {} : { index: error.index }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

function internalProblem(error: unknown, logger: Logger): Problem {
  const reference = randomUUID();
  logger.error({ err: error, reference }, "a request failed with an internal error");
  return {
    type: problemType("internal"),
    ...PROBLEM_KINDS.internal,
    detail: `the log says more under the reference ${reference}`,
    instance: `urn:uuid:${reference}`,
  };
}

function retryAfter(status: number, seconds: number | undefined): number | undefined {
  if (status !== 429 && status !== 503) return seconds;
  return Math.max(1, Math.ceil(seconds ?? RETRY_AFTER_SECONDS_DEFAULT));
}

/** Header fields and body of the answer; `Content-Length` included, so that a written body is a complete answer. */
export function renderProblem(problem: Problem): { readonly headers: Record<string, string>; readonly body: Buffer } {
  const body = Buffer.from(JSON.stringify(problem));
  const headers: Record<string, string> = {
    "Content-Type": "application/problem+json",
    "Content-Length": String(body.length),
    "X-Content-Type-Options": "nosniff",
  };
  if (problem.retryAfterSeconds !== undefined) headers["Retry-After"] = String(problem.retryAfterSeconds);
  return { headers, body };
}

/** Answers with a problem. Does nothing when an answer has begun or the client is gone. */
export function writeProblem(res: ServerResponse, problem: Problem): void {
  if (res.headersSent || res.destroyed) return;
  const { headers, body } = renderProblem(problem);
  res.writeHead(problem.status, headers).end(body);
}
