/** What one part of a configuration says about another: names that have to be there, and native topics that have to differ. */
import { dottedPath, faultAt, joinPointer } from "../pointer.ts";
import { OPS_TOPIC } from "../subscription/names.ts";
import type { SinkAddress, Subscription } from "../subscription/subscription.ts";
import type { Faults } from "./faults.ts";
import type { ConfigInput } from "./input.ts";
import type { Plan } from "./plan.ts";
import { closest } from "./suggest.ts";

/** A subscription of the plan, and where the configuration says what it refers to: JSON pointers, for faults. */
export interface PlacedSubscription {
  readonly subscription: Subscription;
  readonly at: string;
  readonly topicAt: string;
  readonly sinkAt: string;
}

export function checkReferences(
  config: ConfigInput,
  plan: Plan,
  subscriptions: readonly PlacedSubscription[],
  faults: Faults,
): void {
  checkTransports(config, plan, faults);
  checkAddresses(plan, faults);
  // From the input, not from the plan: a topic with a fault of its own is there all the same.
  const topics = new Set([...Object.keys(config.topics ?? {}), OPS_TOPIC]);
  for (const placed of subscriptions) checkSubscription(placed, topics, faults);
  checkIds(subscriptions, faults);
}

function checkTransports(config: ConfigInput, plan: Plan, faults: Faults): void {
  const transports = new Set(plan.transports.map(({ name }) => name));
  const check = (name: string | undefined, at: string): void => {
    if (name !== undefined && !transports.has(name)) faults.add(missing("transport", name, transports, at));
  };
  check(config.topicDefaults?.transport, "/topicDefaults/transport");
  for (const [name, topic] of Object.entries(config.topics ?? {})) {
    check(topic?.transport, joinPointer("/topics", name, "transport"));
  }
}

/** Two topics on one native topic would each see the other's events, and delete them. */
function checkAddresses({ topics }: Plan, faults: Faults): void {
  const byAddress = Map.groupBy(topics, ({ transport, address }) => `${transport} ${address}`);
  for (const [first, ...others] of byAddress.values()) {
    for (const { name, address } of others) {
      const reason = `the topic ${first?.name} has the same address ${JSON.stringify(address)} on the same transport`;
      faults.add(faultAt("invalid-configuration", joinPointer("/topics", name), reason));
    }
  }
}

function checkSubscription(placed: PlacedSubscription, topics: ReadonlySet<string>, faults: Faults): void {
  const { topic, sink, policy, replyTopic } = placed.subscription;
  const check = (name: string, at: string): void => {
    if (!topics.has(name)) faults.add(missing("topic", name, topics, at));
  };
  const checkSink = (address: SinkAddress | undefined, at: string): void => {
    if (address?.kind === "topic") check(address.topic, at);
  };
  check(topic, placed.topicAt);
  if (replyTopic !== undefined) check(replyTopic, `${placed.at}/replies/topic`);
  checkSink(sink, placed.sinkAt);
  checkSink(policy.deadLetterSink, `${placed.at}/delivery/deadLetter/sink`);
}

/** Names may hold dots, so two bridges, or a bridge and a subscription, may come to the same id. */
function checkIds(subscriptions: readonly PlacedSubscription[], faults: Faults): void {
  const byId = Map.groupBy(subscriptions, ({ subscription }) => subscription.id);
  for (const [id, [first, ...others]] of byId) {
    for (const { at } of others) {
      const reason = `makes the subscription ${JSON.stringify(id)}, as ${dottedPath(first?.at ?? "")} does: rename one`;
      faults.add(faultAt("invalid-configuration", at, reason));
    }
  }
}

function missing(what: "topic" | "transport", name: string, known: Iterable<string>, at: string) {
  const guess = closest(name, known);
  const hint = guess === undefined ? `add it to ${what}s` : `did you mean ${JSON.stringify(guess)}?`;
  return faultAt("invalid-configuration", at, `there is no ${what} ${JSON.stringify(name)}: ${hint}`);
}
