/** What a publisher is told about the results of a transport. */
import { type ErrorCode, PulsebusError } from "../errors.ts";
import type { PublishResult, TransportError, TransportErrorCode } from "../transport/port.ts";
import { type Problem, problemType, type StoreResult } from "./problem.ts";

const CODES: Readonly<Record<TransportErrorCode, ErrorCode>> = {
  not_found: "unknown-topic",
  invalid: "invalid-event",
  too_large: "too-large",
  throttled: "throttled",
  unavailable: "unavailable",
  timeout: "unavailable",
  aborted: "unavailable",
  unknown: "unavailable",
  // The bus's own standing with its transport: nothing that the publisher did, and the operator can mend it.
  permission_denied: "unavailable",
  fenced: "unavailable",
  closed: "unavailable",
};

export interface PublishFailure {
  readonly error: PulsebusError;
  /** Members of the problem: one result per event, when some of them are stored. */
  readonly members?: Pick<Problem, "results">;
}

/** Undefined when every event is stored. Sending a failed request again, whole, is always safe. */
export function publishFailure(results: readonly PublishResult[]): PublishFailure | undefined {
  let stored = 0;
  let failure: { readonly error: TransportError; readonly index: number } | undefined;
  for (const [index, result] of results.entries()) {
    if (result.ok) stored += 1;
    else failure ??= { error: result.error, index };
  }
  if (failure === undefined) return undefined;
  const error = userError(failure.error, results.length > 1 ? failure.index : undefined);
  if (stored === 0) return { error };
  const message = `${stored} of ${results.length} events were stored; event ${failure.index} was not: ${error.message}`;
  return {
    error: new PulsebusError("partly-stored", message, {
      index: failure.index,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    }),
    members: { results: results.map(storeResult) },
  };
}

/** What a topic with `dedupe` answers when every event is stored: where each one is, and whether it was before. */
export function storedBody(results: readonly PublishResult[]): Buffer {
  return Buffer.from(JSON.stringify({ results: results.map(storeResult) }));
}

/** The code that a transport's error is counted and shown under; its cause may tell that it is room that is missing. */
export function codeOf(error: TransportError): ErrorCode {
  const isFull = error.cause instanceof PulsebusError && error.cause.code === "storage-full";
  return isFull ? "storage-full" : CODES[error.code];
}

function userError(error: TransportError, index: number | undefined): PulsebusError {
  const { retryAfterSeconds } = error;
  return new PulsebusError(codeOf(error), error.message, {
    cause: error,
    ...(index === undefined ? {} : { index }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function storeResult(result: PublishResult): StoreResult {
  if (result.ok) return { stored: "yes", ...placeOf(result) };
  return { stored: result.stored, type: problemType(codeOf(result.error)), detail: result.error.message };
}

function placeOf({ position, duplicate }: Extract<PublishResult, { ok: true }>): Partial<StoreResult> {
  return { ...(position === undefined ? {} : { position }), ...(duplicate === undefined ? {} : { duplicate }) };
}
