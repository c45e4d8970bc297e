/** What a topic asks for that its transport can't do: refused when it is created, and by `pulsebus check`. */
import type { PulsebusError } from "../errors.ts";
import { faultAt, joinPointer } from "../pointer.ts";
import type { Capabilities } from "../transport/port.ts";
import { Faults } from "./faults.ts";
import type { Plan, TopicPlan } from "./plan.ts";

/** `at` is the JSON pointer of the topic. */
export function capabilityFault(
  { transport, settings }: TopicPlan,
  capabilities: Pick<Capabilities, "dedupe">,
  at: string,
): PulsebusError | undefined {
  if (settings.dedupe === undefined || capabilities.dedupe) return undefined;
  const reason =
    `the transport ${transport} can't recognize an event that was published before: leave it out, or publish to an ` +
    "embedded topic with `dedupe` and let a subscription forward that";
  return faultAt("invalid-configuration", `${at}/dedupe`, reason);
}

/** `capabilities` by the name of the transport. Throws one `invalid-configuration` with a line for each fault. */
export function refuseIncapable({ topics, file }: Plan, capabilities: ReadonlyMap<string, Capabilities>): void {
  const faults = new Faults();
  for (const topic of topics) {
    const declared = capabilities.get(topic.transport);
    const fault = declared && capabilityFault(topic, declared, joinPointer("/topics", topic.name));
    if (fault !== undefined) faults.add(fault);
  }
  if (faults.any) throw faults.toError(() => file ?? "configuration");
}
