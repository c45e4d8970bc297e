/**
 * What an attempt's result means: the one place where delivered, retry and dead letter are decided. Pure.
 *
 *   sink said                                    decision
 *   ------------------------------------------   -----------------------------------------------------------
 *   2xx, or a topic stored it                    delivered
 *   410                                          dead letter `rejected`, and the subscription is paused
 *   a status that `retryOn` holds                retry, unless the policy is exhausted: dead letter `exhausted`
 *   no answer (connection, timeout, transport)   the same
 *   any other status                             dead letter `rejected`
 *   the target's place was passed already        loop-dropped: acked and counted
 *   too many hops                                dead letter `loop`
 *   the transformation has no outcome            dead letter `transform`
 *   released by who pulled it, or its lock expired as no answer, but after the delay that was asked for
 *   aborted by a shutdown                        interrupted: no attempt, no failure
 *
 * Two limits end the retries, whichever comes first: `maxAttempts`, and `maxAge` since the first attempt. The wait is
 * the larger of back-off and `Retry-After` (on 429 and 503), cut at the age limit, so that the last attempt happens
 * when the age is reached rather than not at all.
 */
import type { Random } from "../runtime/random.ts";
import type { SinkResult } from "../sink/port.ts";
import type { DeadLetterReason } from "../store/port.ts";
import type { RetryPolicy } from "../subscription/subscription.ts";
import { backoffMs } from "./backoff.ts";

export interface AttemptFacts {
  /** Attempts so far, this one included. */
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly firstAttemptAt: number;
  readonly now: number;
}

/** Nothing is left to do for it. */
type Done = { readonly kind: "delivered" } | { readonly kind: "loop-dropped" };

/** It needs a row. */
export type NotDone =
  | { readonly kind: "interrupted" }
  | { readonly kind: "retry"; readonly dueAt: number; readonly error: string }
  | {
      readonly kind: "dead";
      readonly reason: DeadLetterReason;
      readonly detail: string;
      /** Set when the subscription is to be paused: why. */
      readonly pause: string | undefined;
    };

export type Decision = Done | NotDone;

const DELIVERED: Decision = { kind: "delivered" };
const LOOP_DROPPED: Decision = { kind: "loop-dropped" };
const INTERRUPTED: Decision = { kind: "interrupted" };
const GONE = 410;

export function decide(result: SinkResult, facts: AttemptFacts, policy: RetryPolicy, random: Random): Decision {
  switch (result.kind) {
    case "stored":
      return DELIVERED;
    case "loop":
      return LOOP_DROPPED;
    case "aborted":
      return INTERRUPTED;
    case "refused":
      return { kind: "dead", reason: result.reason, detail: result.message, pause: undefined };
    case "failure":
      return retryOrGiveUp(`${result.error}: ${result.message}`, undefined, facts, policy, random, result.retryAfterMs);
    case "released":
      return retryOrGiveUp(result.message, result.delayMs, facts, policy, random);
    case "response":
      return decideOnStatus(result.status, result.retryAfterMs, facts, policy, random);
  }
}

function decideOnStatus(
  status: number,
  retryAfterMs: number | undefined,
  facts: AttemptFacts,
  policy: RetryPolicy,
  random: Random,
): Decision {
  if (status >= 200 && status < 300) return DELIVERED;
  const error = `the sink answered ${status}`;
  if (policy.retryOn(status)) {
    const wishMs = status === 429 || status === 503 ? (retryAfterMs ?? 0) : 0;
    return retryOrGiveUp(error, undefined, facts, policy, random, wishMs);
  }
  const pause = status === GONE ? "the sink answered 410 Gone: it wants no more events" : undefined;
  return { kind: "dead", reason: "rejected", detail: error, pause };
}

/** `delayMs` replaces the back-off, `wishMs` may make it longer. */
function retryOrGiveUp(
  error: string,
  delayMs: number | undefined,
  facts: AttemptFacts,
  policy: RetryPolicy,
  random: Random,
  wishMs = 0,
): Decision {
  const giveUpAt = facts.firstAttemptAt + policy.maxAgeMs;
  const exhausted =
    facts.attempts >= policy.maxAttempts
      ? `${facts.attempts} attempts were made (retry.maxAttempts)`
      : facts.now >= giveUpAt
        ? `the first attempt was ${policy.maxAgeMs} ms ago (retry.maxAge)`
        : undefined;
  if (exhausted !== undefined) {
    return { kind: "dead", reason: "exhausted", detail: `${error}; ${exhausted}`, pause: undefined };
  }
  const waitMs = delayMs ?? Math.max(backoffMs(policy.backoff, facts.attempts, random), wishMs);
  return { kind: "retry", dueAt: Math.min(facts.now + waitMs, giveUpAt), error };
}

export function isDone(decision: Decision): decision is Done {
  return decision.kind === "delivered" || decision.kind === "loop-dropped";
}
