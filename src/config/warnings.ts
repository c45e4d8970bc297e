/** What is allowed and yet probably not meant; `check` prints it. */
import { isBridged } from "./bridges.ts";
import { forwardingWarnings, type TransportCapabilities } from "./forwarding-warnings.ts";
import { isLoopback } from "./loopback.ts";
import type { Plan } from "./plan.ts";
import { EMBEDDED } from "./transports.ts";

/** On a broker each subscription reads the whole topic. */
const BROKER_SUBSCRIPTIONS_ADVISED = 50;

/** Nothing is said about what a transport loses whose capabilities are not given. */
export function warnings(plan: Plan, capabilities: TransportCapabilities): readonly string[] {
  return [
    ...exposureWarnings(plan),
    ...variableWarnings(plan),
    ...fanOutWarnings(plan),
    ...cycleWarnings(plan),
    ...plan.subscriptions.flatMap(({ filter }) => filter.warnings),
    ...forwardingWarnings(plan, capabilities),
  ];
}

function exposureWarnings({ server: { host } }: Plan): readonly string[] {
  if (isLoopback(host)) return [];
  return [
    `server.host: ${host} can be reached from other machines, and there is no authentication: keep it in a trusted network`,
  ];
}

function variableWarnings({ ignoredVariables }: Plan): readonly string[] {
  return ignoredVariables.map((name) => `the variable ${name} is ignored: no setting has this name`);
}

function fanOutWarnings({ topics, subscriptions }: Plan): readonly string[] {
  const byTopic = Map.groupBy(subscriptions, ({ topic }) => topic);
  return topics.flatMap(({ name, transport }) => {
    const count = byTopic.get(name)?.length ?? 0;
    if (transport === EMBEDDED || count <= BROKER_SUBSCRIPTIONS_ADVISED) return [];
    return [
      `topics.${name}: ${count} subscriptions read this whole topic from ${transport}, each for itself: let one of them forward ` +
        "it to an embedded topic, and subscribe to that one",
    ];
  });
}

/**
 * Topics that feed each other. Loop protection ends each event's way, but a cycle is rarely what was meant, unless it
 * is a bridge both ways.
 */
function cycleWarnings({ subscriptions }: Plan): readonly string[] {
  const targets = new Map<string, string[]>();
  for (const { topic, sink, replyTopic } of subscriptions) {
    const target = sink.kind === "topic" ? sink.topic : replyTopic;
    if (target !== undefined) targets.set(topic, [...(targets.get(topic) ?? []), target]);
  }
  const isMeant = ([first, second, third, ...rest]: readonly string[]): boolean =>
    rest.length === 0 &&
    first === third &&
    isBridged(subscriptions, first, second) &&
    isBridged(subscriptions, second, first);
  return findCycles(targets)
    .filter((cycle) => !isMeant(cycle))
    .map(
      (cycle) => `the topics ${cycle.join(" → ")} feed each other in a circle: loop protection drops what comes back`,
    );
}

/**
 * One cycle for each edge that closes one in a depth-first walk, written with its first topic again at its end. Every
 * topic is walked once, so that the work is linear.
 */
function findCycles(targets: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (topic: string, path: readonly string[]): void => {
    const start = path.indexOf(topic);
    if (start >= 0) cycles.push([...path.slice(start), topic]);
    if (start >= 0 || done.has(topic)) return;
    for (const target of new Set(targets.get(topic))) visit(target, [...path, topic]);
    done.add(topic);
  };
  for (const topic of targets.keys()) visit(topic, []);
  return cycles;
}
