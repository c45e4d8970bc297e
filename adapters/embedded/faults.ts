/** The transport errors of the embedded log, and what the database's errors mean to its callers. */
import { PulsebusError } from "../../src/errors.ts";
import { STORAGE_FULL_RETRY_SECONDS, TOPIC_FULL_RETRY_SECONDS } from "../../src/limits.ts";
import { OperationError } from "../../src/sqlite/module.ts";
import { type PublishResult, TransportError } from "../../src/transport/port.ts";

type Failure = Extract<PublishResult, { ok: false }>;

export function topicNotFound(address: string): TransportError {
  return new TransportError("not_found", `The topic "${address}" does not exist on the embedded transport`);
}

export function groupNotFound(address: string, group: string): TransportError {
  return new TransportError("not_found", `The group "${group}" does not exist on the topic "${address}"`);
}

export function closedError(): TransportError {
  return new TransportError("closed", "The embedded transport, or this part of it, is closed");
}

export function fencedError(group: string): TransportError {
  return new TransportError("fenced", `The group "${group}" has a consumer already`);
}

export function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (error instanceof OperationError) {
    const code = error.code === "not_found" || error.code === "invalid" ? error.code : "unknown";
    return new TransportError(code, error.message, { cause: error });
  }
  if (!(error instanceof PulsebusError)) {
    return new TransportError("unknown", "The embedded log failed", { cause: error });
  }
  const isOutage = error.code === "storage-full" || error.code === "unavailable";
  const { retryAfterSeconds } = error;
  return new TransportError(isOutage ? "unavailable" : "unknown", error.message, {
    cause: error,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** A commit that failed with an I/O error may be on the disk all the same; every other failure was rolled back. */
export function appendFailure(error: unknown): Failure {
  const isUnknown = error instanceof PulsebusError && error.code === "unavailable";
  return failure(toTransportError(error), isUnknown ? "unknown" : "no");
}

export function failure(error: TransportError, stored: Failure["stored"] = "no"): Failure {
  return { ok: false, error, stored };
}

/** The cause tells publishers that it is room that is missing. */
function storageFull(code: "unavailable" | "throttled", message: string, retryAfterSeconds: number): TransportError {
  return new TransportError(code, message, { retryAfterSeconds, cause: new PulsebusError("storage-full", message) });
}

export const refusals = {
  noRoom: () =>
    failure(
      storageFull(
        "unavailable",
        "The disk of the data directory is nearly full; publishing goes on with room",
        STORAGE_FULL_RETRY_SECONDS,
      ),
    ),
  queueFull: () =>
    failure(
      new TransportError("throttled", "Too much waits to be committed", {
        retryAfterSeconds: TOPIC_FULL_RETRY_SECONDS,
      }),
    ),
  topicFull: (address: string) =>
    failure(
      storageFull(
        "throttled",
        `The topic "${address}" holds retention.maxBytes of events that a subscription has not read yet`,
        TOPIC_FULL_RETRY_SECONDS,
      ),
    ),
  tooLarge: (bytes: number, maxBytes: number) =>
    failure(
      new TransportError("too_large", `The event has ${bytes} bytes, attributes included; at most ${maxBytes} fit`),
    ),
  noText: () =>
    failure(
      new TransportError("invalid", "An attribute of the event holds a lone surrogate, which is no Unicode text"),
    ),
  aborted: (key: string) =>
    failure(new TransportError("aborted", `An earlier event of the partitionkey "${key}" in the same call failed`)),
  timeout: () =>
    failure(new TransportError("timeout", "The commit did not end in time; the event may be stored"), "unknown"),
} as const;
