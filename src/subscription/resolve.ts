/**
 * From what the user wrote to what the engine runs: defaults applied, units parsed, bounds checked, filters compiled.
 * The shape of the input is known to be right here (`validateSubscriptionInput` in `src/config/schema.ts`); what a
 * schema can't say is checked below.
 */
import { validateName } from "../event/rules.ts";
import { timestampMs, timestampProblem } from "../event/timestamp.ts";
import { compileFilters } from "../filter/filter.ts";
import {
  ATTEMPT_TIMEOUT_MS_MAX,
  BACKOFF_MS_MAX,
  BATCH_WAIT_MS_MAX,
  BREAKER_PAUSE_MS_MAX,
  RETRY_AGE_MS_MAX,
} from "../limits.ts";
import { faultAt } from "../pointer.ts";
import { parseDurationBetween } from "../units.ts";
import { checkHeaders } from "./headers.ts";
import { createMatcher } from "./matcher.ts";
import { checkReadableTopicName, checkSubscriptionId, checkTopicName } from "./names.ts";
import { ORDERING_DEFAULTS, POLICY_DEFAULTS } from "./policy.ts";
import { compileRetryOn } from "./retry-on.ts";
import { parseSink } from "./sink.ts";
import type {
  BatchPolicy,
  BreakerPolicy,
  DeliveryInput,
  DeliveryPolicy,
  OrderingPolicy,
  RateLimit,
  RetryPolicy,
  SinkAddress,
  Subscription,
  SubscriptionInput,
} from "./subscription.ts";

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
    replyTopic: input.replies && checkReplies(input, input.replies.topic, at),
    expiresAt: input.expires === undefined ? undefined : parseTime(input.expires, `${at}/expires`),
    input: { ...input, id },
  };
}

/** A reply to a topic would go nowhere, and one into the topic it came from back to the sink that made it. */
function checkReplies(input: SubscriptionInput, replyTopic: string, at: string): string {
  if (parseSink(input.sink, `${at}/sink`).kind !== "webhook") {
    throw faultAt(
      "invalid-request",
      `${at}/replies`,
      "only a webhook answers: the sink must be an http:// or https:// URL",
    );
  }
  if (input.delivery?.format === "batch") {
    throw faultAt("invalid-request", `${at}/replies`, "one answer to a batch can't be told apart: use another format");
  }
  if (replyTopic === input.topic) {
    throw faultAt("invalid-request", `${at}/replies/topic`, "must be another topic than the one that is subscribed to");
  }
  return checkTopicName(replyTopic, `${at}/replies/topic`);
}

function resolvePolicy(input: DeliveryInput, at: string): DeliveryPolicy {
  const defaults = POLICY_DEFAULTS;
  return {
    format: input.format ?? defaults.format,
    batch: resolveBatch(input, at),
    ordering: resolveOrdering(input.ordering ?? defaults.ordering, `${at}/ordering`),
    rateLimit: input.rateLimit && resolveRateLimit(input.rateLimit),
    breaker: resolveBreaker(input.breaker ?? {}, `${at}/breaker`),
    weight: input.weight ?? defaults.weight,
    maxInFlight: input.maxInFlight ?? defaults.maxInFlight,
    timeoutMs: duration(input.timeout ?? defaults.timeout, ATTEMPT_TIMEOUT_MS_MAX, `${at}/timeout`),
    retry: resolveRetry(input.retry ?? {}, `${at}/retry`),
    headers: checkHeaders(input.headers ?? defaults.headers, `${at}/headers`),
    deadLetterSink: input.deadLetter && parseDeadLetterSink(input.deadLetter.sink, `${at}/deadLetter/sink`),
    from: input.from ?? defaults.from,
    maxParked: input.maxParked ?? defaults.maxParked,
    maxScheduled: input.maxScheduled ?? defaults.maxScheduled,
    maxDeadLetters: input.maxDeadLetters ?? defaults.maxDeadLetters,
  };
}

/** Dead letters are fetched through the API anyway. */
function parseDeadLetterSink(text: string, at: string): SinkAddress {
  const sink = parseSink(text, at);
  if (sink.kind !== "pull") return sink;
  throw faultAt(
    "invalid-request",
    at,
    "must be a URL or topic:NAME: dead letters are listed through the API as they are",
  );
}

function resolveBatch({ format, batch = {} }: DeliveryInput, at: string): BatchPolicy | undefined {
  if (format !== "batch") {
    if (Object.keys(batch).length === 0) return undefined;
    throw faultAt("invalid-request", `${at}/batch`, "is for batches alone: set delivery.format to batch");
  }
  const { maxEvents, maxBytes, maxWait } = { ...POLICY_DEFAULTS.batch, ...batch };
  return { maxEvents, maxBytes, maxWaitMs: parseDurationBetween(maxWait, 0, BATCH_WAIT_MS_MAX, `${at}/batch/maxWait`) };
}

function resolveOrdering(input: NonNullable<DeliveryInput["ordering"]>, at: string): OrderingPolicy | undefined {
  if (input === "none") return undefined;
  const { key, onDeadLetter, maxWaiting } = { ...ORDERING_DEFAULTS, ...(input === "key" ? {} : input) };
  const problem = validateName(key);
  if (problem !== undefined) throw faultAt("invalid-request", `${at}/key`, `${JSON.stringify(key)} ${problem}`);
  return { attribute: key, onDeadLetter, maxWaiting };
}

function resolveRateLimit({ perSecond, burst }: NonNullable<DeliveryInput["rateLimit"]>): RateLimit {
  return { perSecond, burst: burst ?? Math.max(1, Math.floor(perSecond)) };
}

function resolveBreaker(input: NonNullable<DeliveryInput["breaker"]>, at: string): BreakerPolicy {
  const { failures, maxPause } = { ...POLICY_DEFAULTS.breaker, ...input };
  return { failures, maxPauseMs: duration(maxPause, BREAKER_PAUSE_MS_MAX, `${at}/maxPause`) };
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
  const time = timestampMs(text);
  if (time !== undefined) return time;
  throw faultAt("invalid-request", at, `${JSON.stringify(text)} ${timestampProblem(text)}`);
}
