/** What a transport can do, in words: of `pulsebus verify` and of the table in README.md. */
import type { Capabilities } from "../transport/port.ts";
import { formatDuration, formatSize } from "../units.ts";

export type CapabilityName = keyof Capabilities;

interface Wording<Value> {
  readonly label: string;
  readonly words: (value: Value) => string;
}

const yesOrNo = (value: boolean): string => (value ? "yes" : "no");

const WORDINGS: { readonly [Name in CapabilityName]: Wording<Capabilities[Name]> } = {
  durable: { label: "what is confirmed survives a power loss", words: yesOrNo },
  ordering: {
    label: "order that is kept",
    words: (ordering) => ({ none: "none", key: "of events with the same key", topic: "of the whole topic" })[ordering],
  },
  orderedPublish: { label: "order of publishes that do not wait for each other", words: yesOrNo },
  group: {
    label: "processes that receive for one subscription",
    words: (group) => ({ shared: "any number", exclusive: "one at a time" })[group],
  },
  position: {
    label: "an event has the same position at each delivery",
    words: (position) => ({ always: "yes", own: "when this bus published it" })[position],
  },
  starts: { label: "where a subscription can start", words: (starts) => starts.join(", ") },
  leaseMs: {
    label: "how long a delivery may run",
    words: (ms) => (ms === "unbounded" ? "without bound" : formatDuration(ms)),
  },
  replay: {
    label: "browsing what is stored",
    words: (replay) => ({ none: "no", time: "from a time on", position: "from a time or position on" })[replay],
  },
  find: { label: "trace finds what is stored", words: yesOrNo },
  stats: {
    label: "backlog of a subscription",
    words: ({ backlog, oldest }) => (backlog ? `number${oldest ? " and age" : ""}` : "unknown"),
  },
  deliveryCount: { label: "counts the deliveries of an event", words: yesOrNo },
  dedupe: { label: "stores an event once that is published again", words: yesOrNo },
  limits: {
    label: "largest event, attributes, events in a call",
    words: ({ eventBytes, attributeCount, batchCount }) =>
      `${formatSize(eventBytes)}, ${attributeCount}, ${batchCount}`,
  },
};

export const CAPABILITY_NAMES = Object.keys(WORDINGS) as readonly CapabilityName[];

export function capabilityLabel(name: CapabilityName): string {
  return WORDINGS[name].label;
}

export function capabilityWords<Name extends CapabilityName>(name: Name, capabilities: Capabilities): string {
  const { words }: Wording<Capabilities[Name]> = WORDINGS[name];
  return words(capabilities[name]);
}

/** What is different for a topic that moves from one transport to the other, a line for each. */
export function describeMove(from: Capabilities, to: Capabilities): readonly string[] {
  return CAPABILITY_NAMES.flatMap((name) => {
    const [before, after] = [capabilityWords(name, from), capabilityWords(name, to)];
    return before === after ? [] : [`${capabilityLabel(name)}: ${before} → ${after}`];
  });
}
