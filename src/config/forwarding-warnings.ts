/** What a pair of topics does not keep when one is forwarded into the other, and topics that loop protection mixes up. */
import type { Subscription } from "../subscription/subscription.ts";
import type { Capabilities } from "../transport/port.ts";
import { formatSize } from "../units.ts";
import type { Plan, TopicPlan } from "./plan.ts";
import { EMBEDDED } from "./transports.ts";

/** What transports can do, by the name of the transport. */
export type TransportCapabilities = ReadonlyMap<string, Capabilities>;

/** A topic with what its transport can do. */
interface End {
  readonly topic: TopicPlan;
  readonly capabilities: Capabilities;
}

export function forwardingWarnings(plan: Plan, capabilities: TransportCapabilities): readonly string[] {
  const topics = new Map(plan.topics.map((topic) => [topic.name, topic]));
  const endOf = (name: string): End | undefined => {
    const topic = topics.get(name);
    const found = topic && capabilities.get(topic.transport);
    return topic && found && { topic, capabilities: found };
  };
  const routes = Map.groupBy(plan.subscriptions, routeOf);
  routes.delete(undefined);
  const losses = [...routes].flatMap(([route, [first, ...others]]) => {
    if (first?.sink.kind !== "topic") return [];
    const [from, to] = [endOf(first.topic), endOf(first.sink.topic)];
    const lost = from && to ? lossesOf(from, to, plan.limits.eventBytes) : [];
    return [...lost.map((loss) => `${route}: ${loss}`), ...overlaps([first, ...others], `${route}`)];
  });
  return [...losses, ...placeWarnings(plan)];
}

function routeOf({ topic, sink }: Subscription): string | undefined {
  return sink.kind === "topic" ? `${topic} → ${sink.topic}` : undefined;
}

function lossesOf(from: End, to: End, eventBytes: number): readonly string[] {
  const losses = [orderLoss(from, to), sizeLoss(from, to, eventBytes), modeLoss(to)];
  return losses.filter((loss) => loss !== undefined);
}

/** What of the source's order the target can't keep. A transport that orders by key keeps nothing without one. */
function orderLoss(from: End, to: End): string | undefined {
  const [given, kept] = [from.capabilities.ordering, to.capabilities.ordering];
  const [givenKey, key] = [from.topic.settings.key, to.topic.settings.key];
  const { name, transport } = to.topic;
  if (given === "none" || (given === "key" && givenKey === undefined) || kept === "topic") return undefined;
  if (kept === "none") return `the order of events is lost: ${transport} keeps none`;
  if (key === undefined) {
    return (
      `the order of events is lost: ${transport} keeps only that of events with the same key, and topics.${name} has no ` +
      `\`key\`: write \`key: ${givenKey ?? "partitionkey"}\``
    );
  }
  if (given === "topic") return `only the order of events with the same ${key} is kept`;
  if (givenKey !== key) return `the order by ${givenKey} is lost: topics.${name} keeps that by ${key}`;
  return undefined;
}

/** What goes through the bus is bounded by it; what others write to a broker is bounded by the broker alone. */
function sizeLoss(from: End, to: End, eventBytes: number): string | undefined {
  const own = from.capabilities.limits.eventBytes;
  const possible = from.topic.transport === EMBEDDED ? Math.min(own, eventBytes) : own;
  const accepted = to.capabilities.limits.eventBytes;
  if (accepted >= possible) return undefined;
  return `events above ${formatSize(accepted)} become dead letters: ${to.topic.transport} takes no larger ones`;
}

function modeLoss({ topic: { name, settings } }: End): string | undefined {
  if (settings.mode === "keep") return undefined;
  return `the content mode is not kept: topics.${name}.mode has every event written in ${settings.mode} mode`;
}

/** Whether two filters overlap can't be told, but one that wants everything overlaps with any other. */
function overlaps(subscriptions: readonly Subscription[], route: string): readonly string[] {
  const all = subscriptions.find(({ input: { types, source, filters = [] } }) => !types && !source && !filters.length);
  if (all === undefined) return [];
  return subscriptions
    .filter((other) => other !== all)
    .map(({ id }) => `${route}: what the subscription ${id} forwards arrives twice, as ${all.id} forwards everything`);
}

/**
 * Topics that events can get to from one another, and that loop protection might take for the same one. A broker may be
 * able to tell its topics from those of others, but nothing here asks it.
 */
function placeWarnings({ topics, transports, subscriptions }: Plan): readonly string[] {
  const adapters = new Map(transports.map(({ name, adapter }) => [name, adapter]));
  const connected = connectedTopics(subscriptions);
  const alike = Map.groupBy(topics, ({ name, place, transport, address }) =>
    JSON.stringify([connected.get(name) ?? name, place ?? [adapters.get(transport), address]]),
  );
  return [...alike.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : others.map((other) => placeWarning(first, other)),
  );
}

function placeWarning(first: TopicPlan, { name, place, transport }: TopicPlan): string {
  const both = `topics.${first.name} and topics.${name}`;
  if (place !== undefined) return `${both} have the same place, so loop protection lets nothing pass between them`;
  return (
    `${both} have the same address on ${first.transport} and ${transport}: unless these brokers tell apart what is whose, ` +
    "loop protection lets nothing pass between them: give one of the topics a `place`"
  );
}

/** For each topic that is forwarded or forwarded to: one topic that stands for all it is connected with. */
function connectedTopics(subscriptions: readonly Subscription[]): ReadonlyMap<string, string> {
  const parents = new Map<string, string>();
  const rootOf = (name: string): string => {
    let root = name;
    for (let parent = parents.get(root); parent !== undefined; parent = parents.get(root)) root = parent;
    return root;
  };
  for (const { topic, sink } of subscriptions) {
    if (sink.kind !== "topic") continue;
    const [from, to] = [rootOf(topic), rootOf(sink.topic)];
    if (from !== to) parents.set(from, to);
  }
  return new Map([...parents].flatMap(([name]) => [[name, rootOf(name)] as const]));
}
