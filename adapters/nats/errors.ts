/** What the errors of the client and of the server mean, as portable codes. Messages are our own or the server's API's. */
import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream";
import { jserrors } from "@nats-io/jetstream/internal";
import { errors, RequestError } from "@nats-io/transport-node";
import { type PublishResult, TransportError, type TransportErrorCode } from "../../src/transport/port.ts";

type Failure = Extract<PublishResult, { ok: false }>;

/** A cluster is about to store an event of which this one is the duplicate; whether it will is not known yet. */
export const BEING_STORED = 10158;

/** By `err_code` of the JetStream API (nats-server, server/errors.json). */
const API_CODES: ReadonlyMap<number, TransportErrorCode> = new Map([
  [10014, "not_found"], // consumer not found
  [10037, "not_found"], // no message found
  [10059, "not_found"], // stream not found
  [10054, "too_large"], // message size exceeds maximum allowed
  [10077, "throttled"], // the stream is at one of its limits and refuses new messages
  [10167, "throttled"], // too many requests: the stream's queue is full
  [10023, "throttled"], // insufficient resources
  [10028, "throttled"], // resource limits exceeded for account
  [10047, "throttled"], // insufficient storage resources available
  [10002, "throttled"], // resource limits exceeded for account (tier)
  [10008, "unavailable"], // JetStream system temporarily unavailable
  [10009, "unavailable"], // not leader of the cluster
  [10010, "unavailable"], // no suitable peers for placement
  [10118, "unavailable"], // stream is offline
  [BEING_STORED, "unavailable"], // a message with this id is in process
  [10119, "unavailable"], // consumer is offline
  [10035, "permission_denied"], // JetStream not enabled for the user
  [10039, "permission_denied"], // JetStream not enabled for the account
  [10076, "unavailable"], // JetStream not enabled
  [10052, "invalid"], // stream configuration can't be updated like this
  [10058, "invalid"], // stream name already in use with a different configuration
  [10065, "invalid"], // subjects overlap with an existing stream
  [10148, "invalid"], // consumer already exists
]);

/** By the HTTP-like status of the API, where the code says nothing. */
const STATUSES: ReadonlyMap<number, TransportErrorCode> = new Map([
  [400, "invalid"],
  [401, "permission_denied"],
  [403, "permission_denied"],
  [404, "not_found"],
  [408, "timeout"],
  [429, "throttled"],
  [503, "unavailable"],
]);

type ErrorClass = abstract new (...args: never[]) => Error;

const CLASSES: readonly (readonly [ErrorClass, TransportErrorCode, string])[] = [
  [errors.TimeoutError, "timeout", "The NATS server did not answer in time"],
  [errors.PermissionViolationError, "permission_denied", "The NATS user may not use the subject"],
  [errors.AuthorizationError, "permission_denied", "The NATS server refused the credentials"],
  [errors.UserAuthenticationExpiredError, "permission_denied", "The NATS credentials have expired"],
  [errors.NoRespondersError, "unavailable", "JetStream does not answer: it is not enabled, or not ready yet"],
  [errors.ClosedConnectionError, "unavailable", "The connection to the NATS server is closed"],
  [errors.DrainingConnectionError, "unavailable", "The connection to the NATS server is closed"],
  [errors.ConnectionError, "unavailable", "The NATS server can't be reached"],
  [errors.ProtocolError, "unavailable", "The connection to the NATS server failed"],
  [errors.InvalidSubjectError, "invalid", "The address is no valid NATS subject"],
  [errors.InvalidArgumentError, "invalid", "The NATS client refused an argument"],
  [jserrors.InvalidNameError, "invalid", "The name is none that JetStream accepts"],
];

export function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof JetStreamApiError) {
    const code = API_CODES.get(error.code) ?? STATUSES.get(error.status) ?? "unknown";
    return new TransportError(code, `JetStream refused: ${error.message}`, { cause: error });
  }
  for (const [type, code, message] of CLASSES) {
    if (error instanceof type) return new TransportError(code, message, { cause: error });
  }
  if (isNetworkError(error)) {
    return new TransportError("unavailable", `The NATS server can't be reached (${error.code})`, { cause: error });
  }
  // Wrappers: what they wrap is known, or they tell of a connection that went.
  if (error instanceof jserrors.JetStreamNotEnabled || error instanceof RequestError) {
    const inner = error.cause === undefined ? undefined : toTransportError(error.cause);
    if (inner !== undefined && inner.code !== "unknown") return inner;
    return new TransportError("unavailable", "The request did not reach JetStream", { cause: error });
  }
  const message = error instanceof JetStreamError ? "JetStream failed" : "The NATS client failed";
  return new TransportError("unknown", message, { cause: error });
}

/** Node's own errors of sockets and of TLS. */
function isNetworkError(error: unknown): error is Error & { readonly code: string } {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && /^[A-Z][A-Z_0-9]+$/.test(error.code)
  );
}

/** Nobody listens on the subject: no stream stores it, or JetStream is not ready. */
export function isNoResponders(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  return error instanceof Error && error.cause !== undefined && isNoResponders(error.cause);
}

/** The code of the JetStream API, where the error came from there. */
export function apiCodeOf(error: unknown): number | undefined {
  const cause = error instanceof TransportError ? error.cause : error;
  return cause instanceof JetStreamApiError ? cause.code : undefined;
}

export function closedError(): TransportError {
  return new TransportError("closed", "The NATS transport, or this part of it, is closed");
}

export function disconnectedError(cause?: unknown): TransportError {
  return new TransportError("unavailable", "There is no connection to the NATS server now", { cause });
}

export function streamNotFound(address: string, stream: string | undefined): TransportError {
  const where = stream === undefined ? "" : `: there is no stream "${stream}"`;
  return new TransportError("not_found", `No stream stores the subject "${address}"${where}`);
}

export function groupNotFound(address: string, durable: string): TransportError {
  return new TransportError(
    "not_found",
    `The durable consumer "${durable}" does not exist for the subject "${address}"`,
  );
}

export function failure(error: TransportError, stored: Failure["stored"] = "no"): Failure {
  return { ok: false, error, stored };
}

/** For a look-up whose answer may be nothing. */
export function ignoreNotFound(error: unknown): undefined {
  if (error instanceof TransportError && error.code === "not_found") return undefined;
  throw error;
}
