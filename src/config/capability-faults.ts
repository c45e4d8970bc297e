/** What a topic or a subscription asks for that the transport can't do: refused at creation, and by `pulsebus check`. */
import type { PulsebusError } from "../errors.ts";
import { faultAt, joinPointer } from "../pointer.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Capabilities } from "../transport/port.ts";
import { Faults } from "./faults.ts";
import type { Plan, TopicPlan } from "./plan.ts";

/** `at` is the JSON pointer of the topic. */
export function capabilityFault(
  { transport, settings, archive }: TopicPlan,
  capabilities: Pick<Capabilities, "dedupe" | "replay">,
  at: string,
): PulsebusError | undefined {
  if (archive && capabilities.replay !== "none") {
    const reason = `the transport ${transport} can be read again by itself: leave it out`;
    return faultAt("invalid-configuration", `${at}/archive`, reason);
  }
  if (settings.dedupe === undefined || capabilities.dedupe) return undefined;
  const reason =
    `the transport ${transport} can't recognize an event that was published before: leave it out, or publish to an ` +
    "embedded topic with `dedupe` and let a subscription forward that";
  return faultAt("invalid-configuration", `${at}/dedupe`, reason);
}

/**
 * Order by key is kept by the runtime, in the order in which it receives; so the topic has to hand out the events of a key
 * in the order in which they were published. `at` is the JSON pointer of the subscription.
 */
export function orderingFault(
  { policy }: Pick<Subscription, "policy">,
  { name, transport, settings }: TopicPlan,
  { ordering }: Pick<Capabilities, "ordering">,
  at: string,
): PulsebusError | undefined {
  const key = policy.ordering?.attribute;
  if (key === undefined || ordering === "topic" || (ordering === "key" && settings.key === key)) return undefined;
  const reason =
    ordering === "key"
      ? `the transport ${transport} keeps the order of its native key alone: give the topic "${name}" the setting key: ${key}`
      : `the transport ${transport} keeps no order: leave it out`;
  return faultAt("invalid-configuration", `${at}/delivery/ordering`, reason);
}

/** `capabilities` by the name of the transport. Throws one `invalid-configuration` with a line for each fault. */
export function refuseIncapable(plan: Plan, capabilities: ReadonlyMap<string, Capabilities>): void {
  const { topics, subscriptions, file } = plan;
  const faults = new Faults();
  for (const topic of topics) {
    const declared = capabilities.get(topic.transport);
    const fault = declared && capabilityFault(topic, declared, joinPointer("/topics", topic.name));
    if (fault !== undefined) faults.add(fault);
  }
  for (const subscription of subscriptions) {
    const topic = topics.find(({ name }) => name === subscription.topic);
    const declared = topic && capabilities.get(topic.transport);
    const at = joinPointer("/subscriptions", subscription.id);
    const fault = declared && orderingFault(subscription, topic, declared, at);
    if (fault !== undefined) faults.add(fault);
  }
  if (faults.any) throw faults.toError(() => file ?? "configuration");
}
