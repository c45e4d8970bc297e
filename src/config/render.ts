/**
 * The effective plan as people and programs read it: in the form of a configuration file, with every default filled in
 * and every secret covered. What is rendered can be loaded again.
 */
import { stringify } from "yaml";
import { mapStrings } from "../json-value.ts";
import { POLICY_DEFAULTS } from "../subscription/policy.ts";
import { formatSink } from "../subscription/sink.ts";
import type { DeliveryPolicy, OrderingPolicy, Subscription } from "../subscription/subscription.ts";
import { formatDuration, formatSize } from "../units.ts";
import type { ConfigInput } from "./input.ts";
import { escapeReferences } from "./interpolate.ts";
import type { Plan } from "./plan.ts";
import { COVERED, coverSecret } from "./secrets.ts";
import { describeTopic, describeTopicDefaults } from "./topic.ts";

/** The plan as YAML. */
export function renderPlan(plan: Plan): string {
  return stringify(describePlan(plan), { lineWidth: 0 });
}

/** The plan as JSON, in the shape of a configuration. */
export function describePlan(plan: Plan): ConfigInput {
  const described: ConfigInput = {
    bus: { id: plan.busId },
    server: plan.server,
    dataDir: plan.dataDir,
    topicCreation: plan.topicCreation,
    limits: {
      eventBytes: formatSize(plan.limits.eventBytes),
      batchBytes: formatSize(plan.limits.batchBytes),
      maxHops: plan.limits.maxHops,
    },
    storage: { minFreeBytes: formatSize(plan.storage.minFreeBytes) },
    egress: plan.egress,
    drainTimeout: formatDuration(plan.drainTimeoutMs),
    log: plan.log,
    // Without the embedded one, which is always there and can't be configured.
    transports: Object.fromEntries(
      plan.transports.slice(1).map(({ name, adapter, settings }) => [name, { ...settings, adapter }]),
    ),
    topicDefaults: describeTopicDefaults(plan.topicDefaults),
    topics: Object.fromEntries(plan.topics.map((topic) => [topic.name, describeTopic(topic)])),
    subscriptions: Object.fromEntries(plan.subscriptions.map((entry) => [entry.id, describeSubscription(entry)])),
  };
  return mapStrings(described, (text, at) => escapeReferences(coverSecret(text, at))) as ConfigInput;
}

type SubscriptionEntry = NonNullable<ConfigInput["subscriptions"]>[string];

function describeSubscription({ input, sink, policy }: Subscription): SubscriptionEntry {
  const { id: _key, delivery, ...rest } = input;
  const retryOn = delivery?.retry?.retryOn ?? POLICY_DEFAULTS.retry.retryOn;
  return { ...rest, sink: formatSink(sink), delivery: describePolicy(policy, retryOn) };
}

function describeOrdering({ attribute: key, onDeadLetter, maxWaiting }: OrderingPolicy) {
  return { key, onDeadLetter, maxWaiting };
}

function describePolicy(
  policy: DeliveryPolicy,
  retryOn: readonly string[],
): NonNullable<SubscriptionEntry["delivery"]> {
  const { format, batch, ordering, rateLimit, breaker, weight, maxInFlight, headers, deadLetterSink, from } = policy;
  const { maxParked, maxScheduled, maxDeadLetters } = policy;
  const { maxAttempts, maxAgeMs, backoff } = policy.retry;
  return {
    format,
    ...(batch && {
      batch: { maxEvents: batch.maxEvents, maxBytes: batch.maxBytes, maxWait: formatDuration(batch.maxWaitMs) },
    }),
    ordering: ordering === undefined ? "none" : describeOrdering(ordering),
    maxInFlight,
    weight,
    ...(rateLimit && { rateLimit }),
    breaker: { failures: breaker.failures, maxPause: formatDuration(breaker.maxPauseMs) },
    timeout: formatDuration(policy.timeoutMs),
    retry: {
      maxAttempts,
      maxAge: formatDuration(maxAgeMs),
      backoff: {
        initial: formatDuration(backoff.initialMs),
        factor: backoff.factor,
        max: formatDuration(backoff.maxMs),
        jitter: backoff.jitter,
      },
      retryOn,
    },
    // A header's value is a credential more often than not.
    headers: Object.fromEntries(Object.keys(headers).map((name) => [name, COVERED])),
    ...(deadLetterSink && { deadLetter: { sink: formatSink(deadLetterSink) } }),
    from,
    maxParked,
    maxScheduled,
    maxDeadLetters,
  };
}
