/**
 * What Kafka and its client say, in the portable codes. Messages are our own: those of the client name hosts. The
 * native error is the cause.
 */
import { type PublishResult, TransportError, type TransportErrorCode } from "../../src/transport/port.ts";

/** By the code of the protocol (https://kafka.apache.org/protocol#protocol_error_codes). What is not here is `unknown`. */
const CODES: Readonly<Record<string, TransportErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: "not_found",
  UNKNOWN_TOPIC_ID: "not_found",
  INCONSISTENT_TOPIC_ID: "not_found",
  GROUP_ID_NOT_FOUND: "not_found",
  TOPIC_AUTHORIZATION_FAILED: "permission_denied",
  GROUP_AUTHORIZATION_FAILED: "permission_denied",
  CLUSTER_AUTHORIZATION_FAILED: "permission_denied",
  TOPIC_DELETION_DISABLED: "permission_denied",
  SASL_AUTHENTICATION_FAILED: "permission_denied",
  UNSUPPORTED_SASL_MECHANISM: "permission_denied",
  ILLEGAL_SASL_STATE: "permission_denied",
  INVALID_TOPIC_EXCEPTION: "invalid",
  INVALID_GROUP_ID: "invalid",
  INVALID_RECORD: "invalid",
  INVALID_TIMESTAMP: "invalid",
  INVALID_CONFIG: "invalid",
  INVALID_PARTITIONS: "invalid",
  INVALID_REPLICATION_FACTOR: "invalid",
  INVALID_REQUEST: "invalid",
  POLICY_VIOLATION: "invalid",
  NON_EMPTY_GROUP: "invalid",
  UNSUPPORTED_VERSION: "invalid",
  UNSUPPORTED_COMPRESSION_TYPE: "invalid",
  MESSAGE_TOO_LARGE: "too_large",
  RECORD_LIST_TOO_LARGE: "too_large",
  THROTTLING_QUOTA_EXCEEDED: "throttled",
  FENCED_INSTANCE_ID: "fenced",
  INCONSISTENT_GROUP_PROTOCOL: "fenced", // consumers of other applications are in the group
  REQUEST_TIMED_OUT: "timeout",
  LEADER_NOT_AVAILABLE: "unavailable",
  NOT_LEADER_OR_FOLLOWER: "unavailable",
  FENCED_LEADER_EPOCH: "unavailable",
  UNKNOWN_LEADER_EPOCH: "unavailable",
  OFFSET_NOT_AVAILABLE: "unavailable",
  BROKER_NOT_AVAILABLE: "unavailable",
  REPLICA_NOT_AVAILABLE: "unavailable",
  NOT_ENOUGH_REPLICAS: "unavailable",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: "unavailable",
  COORDINATOR_NOT_AVAILABLE: "unavailable",
  COORDINATOR_LOAD_IN_PROGRESS: "unavailable",
  NOT_COORDINATOR: "unavailable",
  NOT_CONTROLLER: "unavailable",
  KAFKA_STORAGE_ERROR: "unavailable",
  NETWORK_EXCEPTION: "unavailable",
};

/** The client's code for credentials that a broker refused. */
const REFUSED = "PLT_KFK_AUTHENTICATION";

/** By the code of the client. */
const CLIENT_CODES: Readonly<Record<string, TransportErrorCode>> = {
  [REFUSED]: "permission_denied",
  PLT_KFK_TIMEOUT: "timeout",
  PLT_KFK_NETWORK: "unavailable",
  PLT_KFK_UNSUPPORTED_COMPRESSION: "invalid",
  PLT_KFK_UNSUPPORTED_API: "invalid",
};

/** Codes of the protocol after which the records may be in the log all the same. */
const MAYBE_STORED = new Set([
  "REQUEST_TIMED_OUT",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "KAFKA_STORAGE_ERROR",
  "UNKNOWN_SERVER_ERROR",
]);

/** The client's ways to say that a request was never sent. Its class is the same as that of a lost connection. */
const NEVER_SENT = /^(Connection to .* (failed|timed out)\.|Cannot connect to any broker\.|Cannot get a connection: )/;

/** Such as ECONNREFUSED, or CERT_HAS_EXPIRED. */
const SYSTEM_CODE = /^[A-Z][A-Z_]+$/;

/** Another broker is about to lead a partition, a group or the cluster. */
const MOVING = new Set([
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "COORDINATOR_NOT_AVAILABLE",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR",
  "NOT_CONTROLLER",
]);

interface NativeError extends Error {
  readonly code?: string;
  readonly apiId?: string;
  readonly errors?: readonly unknown[];
}

/** `what` is what was tried: "The publish", "The topic orders". */
export function toTransportError(error: unknown, what: string): TransportError {
  if (error instanceof TransportError) return error;
  const apiId = nativeCode(error);
  if (apiId !== undefined) {
    return new TransportError(CODES[apiId] ?? "unknown", `${what}: Kafka answered ${apiId}`, { cause: error });
  }
  for (const leaf of leaves(error)) {
    const portable = CLIENT_CODES[leaf.code ?? ""];
    if (portable === undefined) continue;
    return new TransportError(portable, `${what}: ${reasonOf(portable, leaf)}`, { cause: error });
  }
  return new TransportError("unknown", `${what}: the Kafka client failed`, { cause: error });
}

const REASONS: Partial<Record<TransportErrorCode, string>> = {
  permission_denied: "Kafka refuses the credentials",
  timeout: "Kafka did not answer in time",
  unavailable: "Kafka can't be reached",
  invalid: "this is not supported by the broker or the client",
};

/** The protocol's code of the first fault, where it was the broker that answered. */
export function nativeCode(error: unknown): string | undefined {
  for (const { apiId, message } of leaves(error)) {
    if (apiId !== undefined) return apiId;
    if (message.startsWith("Unknown topic ")) return "UNKNOWN_TOPIC_OR_PARTITION"; // the client asked for its metadata
  }
  return undefined;
}

/** Whether the same request will soon be answered by whoever leads then. */
export function isMoving(error: unknown): boolean {
  return MOVING.has(nativeCode(error) ?? "");
}

/** What a produce request that failed says about its records. */
export function storedAfter(error: unknown): "no" | "unknown" {
  for (const { apiId, message } of leaves(error)) {
    if (apiId === undefined && !NEVER_SENT.test(message) && !message.startsWith("Unknown topic ")) return "unknown";
    if (apiId !== undefined && MAYBE_STORED.has(apiId)) return "unknown";
  }
  return "no";
}

export function failure(error: TransportError, stored: "no" | "unknown" = "no"): Extract<PublishResult, { ok: false }> {
  return { ok: false, error, stored };
}

export function closedError(): TransportError {
  return new TransportError("closed", "The Kafka transport, or this part of it, is closed");
}

export function topicNotFound(address: string): TransportError {
  return new TransportError("not_found", `The Kafka topic "${address}" does not exist`);
}

export function groupNotFound(address: string, group: string): TransportError {
  return new TransportError(
    "not_found",
    `The group "${group}" has no committed offsets on the Kafka topic "${address}"`,
  );
}

export function fencedError(group: string): TransportError {
  return new TransportError("fenced", `The group "${group}" is owned by another consumer`);
}

/** The errors that others summarize, or hide: refused credentials come as a connection that failed. */
function leaves(error: unknown): NativeError[] {
  if (!(error instanceof Error)) return [];
  const { code, errors, cause } = error as NativeError;
  const isRefused = code === REFUSED || (cause as NativeError | undefined)?.code === REFUSED;
  const inner = isRefused ? leaves(cause) : (errors?.flatMap(leaves) ?? []);
  return inner.length > 0 ? inner : [error];
}

/** The system's own code says more than "can't be reached", and names no host. */
function reasonOf(portable: TransportErrorCode, { cause }: NativeError): string {
  const { code } = (cause ?? {}) as NativeError;
  const detail = code !== undefined && SYSTEM_CODE.test(code) ? ` (${code})` : "";
  return `${REASONS[portable] ?? "the client failed"}${detail}`;
}
