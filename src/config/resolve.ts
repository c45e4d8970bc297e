/** The last stage: defaults, units and all that a schema can't say. References between resources are in `references.ts`. */
import { AddressGuard } from "../egress/guard.ts";
import { BATCH_BYTES_MAX, EVENT_BYTES_MAX, EVENT_BYTES_MIN, SETTING_BYTES_MAX, SETTING_MS_MAX } from "../limits.ts";
import { faultAt, joinPointer } from "../pointer.ts";
import { checkTopicName } from "../subscription/names.ts";
import { resolveSubscription } from "../subscription/resolve.ts";
import { parseDurationBetween, parseSizeBetween } from "../units.ts";
import { planBridges } from "./bridges.ts";
import { CONFIG_DEFAULTS, EGRESS_ALLOW_ON_LOOPBACK, TOPIC_CREATION_WITHOUT_FILE } from "./defaults.ts";
import type { Faults } from "./faults.ts";
import type { ConfigInput } from "./input.ts";
import { isLoopback } from "./loopback.ts";
import type { Plan, TopicPlan } from "./plan.ts";
import { checkReferences, type PlacedSubscription } from "./references.ts";
import { planTopic, planTopicDefaults, TOPIC_DEFAULTS } from "./topic.ts";
import { planTransports } from "./transports.ts";

export interface PlanContext {
  readonly file: string | undefined;
  readonly adapters: readonly string[];
  readonly ignoredVariables: readonly string[];
}

/** The plan of a configuration whose shape is valid, frozen; undefined when there were faults, which are added. */
export function resolvePlan(config: ConfigInput, context: PlanContext, faults: Faults): Plan | undefined {
  const topicDefaults =
    faults.attempt(() => planTopicDefaults(config.topicDefaults ?? {}, TOPIC_DEFAULTS, "/topicDefaults")) ??
    TOPIC_DEFAULTS;
  const subscriptions = [...planSubscriptions(config, faults), ...planBridges(config, faults)];
  const plan: Plan = {
    ...planProcess(config, context.file, faults),
    topicDefaults,
    transports: planTransports(config, context.adapters, faults),
    topics: planTopics(config, topicDefaults, faults),
    subscriptions: subscriptions.map(({ subscription }) => subscription),
    file: context.file,
    ignoredVariables: context.ignoredVariables,
  };
  checkReferences(config, plan, subscriptions, faults);
  return faults.any ? undefined : freeze(plan);
}

type Resources = "topicDefaults" | "transports" | "topics" | "subscriptions" | "file" | "ignoredVariables";

/** Everything about the process, and nothing about what it carries. */
function planProcess(config: ConfigInput, file: string | undefined, faults: Faults): Omit<Plan, Resources> {
  const defaults = CONFIG_DEFAULTS;
  const server = { ...defaults.server, ...config.server };
  const { minFreeBytes } = { ...defaults.storage, ...config.storage };
  const drainTimeout = config.drainTimeout ?? defaults.drainTimeout;
  return {
    busId: config.bus?.id ?? defaults.bus.id,
    server,
    dataDir: config.dataDir ?? defaults.dataDir,
    topicCreation: config.topicCreation ?? (file === undefined ? TOPIC_CREATION_WITHOUT_FILE : defaults.topicCreation),
    limits: planLimits(config, faults),
    storage: {
      minFreeBytes: faults.number(() => parseSizeBetween(minFreeBytes, 0, SETTING_BYTES_MAX, "/storage/minFreeBytes")),
    },
    egress: { allow: planEgress(config, server.host, faults) },
    drainTimeoutMs: faults.number(() => parseDurationBetween(drainTimeout, 0, SETTING_MS_MAX, "/drainTimeout")),
    log: { ...defaults.log, ...config.log },
  };
}

function planLimits(config: ConfigInput, faults: Faults): Plan["limits"] {
  const limits = { ...CONFIG_DEFAULTS.limits, ...config.limits };
  const eventBytes = faults.number(() =>
    parseSizeBetween(limits.eventBytes, EVENT_BYTES_MIN, EVENT_BYTES_MAX, "/limits/eventBytes"),
  );
  const batchBytes = faults.number(() =>
    parseSizeBetween(limits.batchBytes, EVENT_BYTES_MIN, BATCH_BYTES_MAX, "/limits/batchBytes"),
  );
  if (batchBytes < eventBytes) {
    faults.add(faultAt("invalid-configuration", "/limits/batchBytes", "must not be smaller than limits.eventBytes"));
  }
  return { eventBytes, batchBytes, maxHops: limits.maxHops };
}

function planEgress(config: ConfigInput, host: string, faults: Faults): readonly string[] {
  const allow = config.egress?.allow ?? (isLoopback(host) ? EGRESS_ALLOW_ON_LOOPBACK : []);
  faults.attempt(() => new AddressGuard(allow));
  return allow;
}

function planTopics(config: ConfigInput, defaults: Plan["topicDefaults"], faults: Faults): readonly TopicPlan[] {
  return Object.entries(config.topics ?? {}).flatMap(([name, input]) => {
    const at = joinPointer("/topics", name);
    const topic = faults.attempt(() => planTopic(checkTopicName(name, at), input ?? {}, defaults, at));
    return topic === undefined ? [] : [topic];
  });
}

function planSubscriptions(config: ConfigInput, faults: Faults): readonly PlacedSubscription[] {
  return Object.entries(config.subscriptions ?? {}).flatMap(([id, input]) => {
    const at = joinPointer("/subscriptions", id);
    if (input.id !== undefined && input.id !== id) {
      faults.add(
        faultAt("invalid-configuration", `${at}/id`, `leave it out: the id is ${JSON.stringify(id)}, the entry's key`),
      );
    }
    const subscription = faults.attempt(() => resolveSubscription({ ...input, id }, { id: () => id, at }));
    return subscription === undefined ? [] : [{ subscription, at, topicAt: `${at}/topic`, sinkAt: `${at}/sink` }];
  });
}

/** Nothing changes a plan once it is checked. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
