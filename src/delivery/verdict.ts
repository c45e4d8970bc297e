/** What an attempt says about its sink, for what protects the sink. What it means for the delivery stands in `decide.ts`. */
import type { SinkResult } from "../sink/port.ts";

/**
 *   ok        the sink took the event
 *   busy      it asked for less: 429, 503 with `Retry-After`, a throttled topic
 *   down      it did not answer, or failed by itself (5xx)
 *   refused   it answered that it does not want the event
 *   none      says nothing about the sink
 */
export interface Verdict {
  readonly kind: "ok" | "busy" | "down" | "refused" | "none";
  /** For how long the sink wishes to be left alone, in milliseconds. */
  readonly retryAfterMs: number;
}

const OK: Verdict = { kind: "ok", retryAfterMs: 0 };
const DOWN: Verdict = { kind: "down", retryAfterMs: 0 };
const REFUSED: Verdict = { kind: "refused", retryAfterMs: 0 };
const NONE: Verdict = { kind: "none", retryAfterMs: 0 };

/** Of one attempt: what it took of a batch shows that it works. */
export function verdictOf(results: readonly SinkResult[]): Verdict {
  let verdict = NONE;
  for (const result of results) {
    const one = ofResult(result);
    if (one.kind === "ok") return one;
    if (verdict === NONE) verdict = one;
  }
  return verdict;
}

function ofResult(result: SinkResult): Verdict {
  switch (result.kind) {
    case "stored":
      return OK;
    case "failure":
      return result.retryAfterMs === undefined ? DOWN : { kind: "busy", retryAfterMs: result.retryAfterMs };
    case "refused":
      return result.reason === "loop" ? NONE : REFUSED;
    case "response":
      return ofStatus(result.status, result.retryAfterMs);
    default:
      return NONE;
  }
}

function ofStatus(status: number, retryAfterMs: number | undefined): Verdict {
  if (status >= 200 && status < 300) return OK;
  const isBusy = status === 429 || (status === 503 && retryAfterMs !== undefined);
  if (isBusy) return { kind: "busy", retryAfterMs: retryAfterMs ?? 0 };
  return status >= 500 ? DOWN : REFUSED;
}
