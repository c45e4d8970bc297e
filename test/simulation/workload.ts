/** What happens in a run, as the seed says: topics, subscriptions with their policies and filters, and events. */
import type { Attribute, Event } from "../../src/event/event.ts";
import type { DeliveryInput, SubscriptionInput } from "../../src/subscription/subscription.ts";
import type { Dice } from "./dice.ts";
import { BAD_TYPE } from "./receiver.ts";

export interface SubscriptionPlan {
  readonly id: string;
  readonly topic: string;
  readonly input: SubscriptionInput;
  /** What the filters mean, said a second time. */
  readonly wants: (event: Event) => boolean;
  /** Topics that it forwards to. */
  readonly targets: readonly string[];
  /** It keeps the order of keys. */
  readonly isOrdered: boolean;
}

export interface Workload {
  readonly topics: readonly string[];
  readonly subscriptions: readonly SubscriptionPlan[];
}

const TYPES = ["order.created", "order.paid", "stock.moved", BAD_TYPE] as const;
const KEYS = ["a", "b", "c"] as const;

/** Filters, and what they mean. */
const FILTERS: readonly (Pick<SubscriptionInput, "types" | "filters"> & Pick<SubscriptionPlan, "wants">)[] = [
  { wants: () => true },
  { wants: () => true },
  { types: ["order.created", BAD_TYPE], wants: ({ type }) => type === "order.created" || type === BAD_TYPE },
  { filters: [{ prefix: { type: "order." } }], wants: ({ type }) => type.startsWith("order.") },
  { filters: [{ not: { exact: { type: "order.paid" } } }], wants: ({ type }) => type !== "order.paid" },
  {
    filters: [{ sql: "type = 'stock.moved' OR partitionkey = 'a'" }],
    wants: ({ type, attributes }) =>
      type === "stock.moved" || attributes.some(({ name, value }) => name === "partitionkey" && value === "a"),
  },
];

/** `keepsOrder`: so that subscriptions may keep the order of keys, which a transport without any order can't. */
export function planWorkload(dice: Dice, keepsOrder: boolean): Workload {
  const topics = Array.from({ length: dice.integer(1, 3) }, (_, index) => `topic-${index}`);
  const count = dice.integer(1, 4);
  return {
    topics,
    subscriptions: Array.from({ length: count }, (_, index) => planSubscription(dice, index, topics, keepsOrder)),
  };
}

function planSubscription(dice: Dice, index: number, topics: readonly string[], keepsOrder: boolean): SubscriptionPlan {
  const id = `sub-${index}`;
  const topic = dice.pick(topics);
  const others = topics.filter((name) => name !== topic);
  const target = others.length > 0 && dice.chance(0.25) ? dice.pick(others) : undefined;
  const { wants, ...filter } = dice.pick(FILTERS);
  const sink = target === undefined ? `https://${id}.example/events` : `topic:${target}`;
  const isOrdered = keepsOrder && dice.chance(0.5);
  const input = { id, topic, sink, ...filter, delivery: planPolicy(dice, id, isOrdered) };
  return { id, topic, input, wants, isOrdered, targets: target === undefined ? [] : [target] };
}

/** The same subscription with another policy. */
export function replan(dice: Dice, { id, input, isOrdered }: SubscriptionPlan): SubscriptionInput {
  return { ...input, delivery: planPolicy(dice, id, isOrdered) };
}

function planPolicy(dice: Dice, id: string, isOrdered: boolean): DeliveryInput {
  return {
    ...(isOrdered ? { ordering: { onDeadLetter: dice.pick(["continue", "continue", "block"] as const) } } : {}),
    ...(dice.chance(0.15) ? { rateLimit: { perSecond: dice.integer(2, 50), burst: dice.integer(1, 5) } } : {}),
    ...(dice.chance(0.15) ? { format: "batch", batch: { maxEvents: dice.integer(1, 5), maxWait: "50ms" } } : {}),
    ...(dice.chance(0.3) ? { breaker: { failures: dice.integer(1, 5), maxPause: "2s" } } : {}),
    maxInFlight: dice.pick([1, 2, 3, 4, 8, 16]),
    timeout: dice.pick(["200ms", "1s", "5s"]),
    retry: {
      maxAttempts: dice.integer(1, 6),
      maxAge: dice.pick(["5s", "30s", "10m"]),
      backoff: {
        initial: dice.pick(["10ms", "100ms", "1s"]),
        factor: dice.pick([1, 2, 3]),
        max: dice.pick(["1s", "5s"]),
        jitter: dice.pick(["full", "none"]),
      },
    },
    ...(dice.chance(0.3) ? { deadLetter: { sink: `https://${id}.example/dead` } } : {}),
    from: dice.pick(["latest", "earliest"]),
    maxParked: dice.pick([1, 3, 10, 100]),
    maxDeadLetters: dice.pick([2, 5, 20, 1_000]),
  };
}

/** With a time of its own, sometimes: when to deliver it, or until when. */
export function makeEvent(dice: Dice, id: string, now: number): Event {
  const type = dice.pick(TYPES);
  const attributes: Attribute[] = [
    { name: "id", type: "string", value: id },
    { name: "source", type: "uri-reference", value: "/simulation" },
    { name: "type", type: "string", value: type },
  ];
  const at = (ms: number): string => new Date(now + ms).toISOString();
  if (dice.chance(0.1))
    attributes.push({ name: "deliverytime", type: "timestamp", value: at(dice.integer(0, 30_000)) });
  else if (dice.chance(0.05)) {
    attributes.push({ name: "expirytime", type: "timestamp", value: at(dice.integer(0, 5_000)) });
  } else if (dice.chance(0.7)) attributes.push({ name: "partitionkey", type: "string", value: dice.pick(KEYS) });
  const data = { kind: "binary", bytes: Buffer.from(`data of ${id}`) } as const;
  return { id, source: "/simulation", type, attributes, data, structured: undefined };
}
