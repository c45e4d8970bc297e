/** The wait before the next attempt. Pure. */
import type { Random } from "../runtime/random.ts";
import type { RetryPolicy } from "../subscription/subscription.ts";

/**
 * Exponential: `initial × factor^(n-1)`, at most `max`, after the n-th failed attempt (n from 1). With full jitter a
 * uniform share of it: of thousands that fail together each returns at a time of its own, which a few per cent of
 * jitter would not achieve.
 */
export function backoffMs(backoff: RetryPolicy["backoff"], failedAttempts: number, random: Random): number {
  const grown = backoff.initialMs * backoff.factor ** (failedAttempts - 1);
  const capped = Math.min(backoff.maxMs, grown);
  return Math.round(backoff.jitter === "full" ? capped * random() : capped);
}
