/**
 * From what the user wrote to what the engine runs: defaults applied, units parsed, bounds checked, filters compiled.
 * The shape of the input is known to be right here (`validateSubscriptionInput` in `src/config/schema.ts`); what a
 * schema can't say is checked below.
 */
import { timestampProblem } from "../event/timestamp.ts";
import { compileFilters } from "../filter/filter.ts";
import { ATTEMPT_TIMEOUT_MS_MAX, BACKOFF_MS_MAX, RETRY_AGE_MS_MAX } from "../limits.ts";
import { faultAt } from "../pointer.ts";
import { parseDurationBetween } from "../units.ts";
import { checkHeaders } from "./headers.ts";
import { createMatcher } from "./matcher.ts";
import { checkReadableTopicName, checkSubscriptionId } from "./names.ts";
import { POLICY_DEFAULTS } from "./policy.ts";
import { compileRetryOn } from "./retry-on.ts";
import { parseSink } from "./sink.ts";
import type { DeliveryInput, DeliveryPolicy, RetryPolicy, Subscription, SubscriptionInput } from "./subscription.ts";

export interface ResolveContext {
  /** Names a subscription that has no id of its own. */
  readonly id: () => string;
  /** JSON pointer of the input, for errors; the whole document by default. */
  readonly at?: string;
}

/** Throws `invalid-request` or `not-supported` with the JSON pointer of the fault. */
export function resolveSubscription(input: SubscriptionInput, context: ResolveContext): Subscription {
  const at = context.at ?? "";
  const id = checkSubscriptionId(input.id ?? context.id(), `${at}/id`);
  const filter = compileFilters(input.filters ?? [], `${at}/filters`);
  return {
    id,
    topic: checkReadableTopicName(input.topic, `${at}/topic`),
    sink: parseSink(input.sink, `${at}/sink`),
    matcher: createMatcher(input.types, input.source, filter),
    filter,
    policy: resolvePolicy(input.delivery ?? {}, `${at}/delivery`),
    transform: input.transform,
    expiresAt: input.expires === undefined ? undefined : parseTime(input.expires, `${at}/expires`),
    input: { ...input, id },
  };
}

function resolvePolicy(input: DeliveryInput, at: string): DeliveryPolicy {
  const defaults = POLICY_DEFAULTS;
  return {
    format: input.format ?? defaults.format,
    maxInFlight: input.maxInFlight ?? defaults.maxInFlight,
    timeoutMs: duration(input.timeout ?? defaults.timeout, ATTEMPT_TIMEOUT_MS_MAX, `${at}/timeout`),
    retry: resolveRetry(input.retry ?? {}, `${at}/retry`),
    headers: checkHeaders(input.headers ?? defaults.headers, `${at}/headers`),
    deadLetterSink: input.deadLetter && parseSink(input.deadLetter.sink, `${at}/deadLetter/sink`),
    from: input.from ?? defaults.from,
    maxParked: input.maxParked ?? defaults.maxParked,
    maxDeadLetters: input.maxDeadLetters ?? defaults.maxDeadLetters,
  };
}

function resolveRetry(input: NonNullable<DeliveryInput["retry"]>, at: string): RetryPolicy {
  const defaults = POLICY_DEFAULTS.retry;
  const backoff = { ...defaults.backoff, ...input.backoff };
  return {
    maxAttempts: input.maxAttempts ?? defaults.maxAttempts,
    maxAgeMs: duration(input.maxAge ?? defaults.maxAge, RETRY_AGE_MS_MAX, `${at}/maxAge`),
    backoff: {
      initialMs: duration(backoff.initial, BACKOFF_MS_MAX, `${at}/backoff/initial`),
      factor: backoff.factor,
      maxMs: duration(backoff.max, BACKOFF_MS_MAX, `${at}/backoff/max`),
      jitter: backoff.jitter,
    },
    retryOn: compileRetryOn(input.retryOn ?? defaults.retryOn, `${at}/retryOn`),
  };
}

/** From 1 ms: a wait or deadline of zero would be a loop without pause, or no attempt at all. */
function duration(text: string, maxMs: number, at: string): number {
  return parseDurationBetween(text, 1, maxMs, at);
}

function parseTime(text: string, at: string): number {
  const problem = timestampProblem(text);
  if (problem !== undefined) throw faultAt("invalid-request", at, `${JSON.stringify(text)} ${problem}`);
  // `Date` knows no leap seconds, and neither does the clock that this is compared with.
  return Date.parse(text.toUpperCase().replace(":60", ":59"));
}
