/**
 * Bridges: a short form for subscriptions that forward one topic into another, one for each direction. A bridge is
 * nothing else at run time: what subscriptions promise about retries, dead letters and loops holds for it.
 */
import { NAME_CHARS_MAX } from "../limits.ts";
import { faultAt, joinPointer } from "../pointer.ts";
import { checkReadableTopicName, checkTopicName } from "../subscription/names.ts";
import { resolveSubscription } from "../subscription/resolve.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Faults } from "./faults.ts";
import type { BridgeInput, ConfigInput } from "./input.ts";
import type { PlacedSubscription } from "./references.ts";

const ID_PREFIX = "bridge.";

/** A topic's name and the JSON pointer where it stands. */
interface End {
  readonly topic: string;
  readonly at: string;
}

interface Direction {
  readonly from: End;
  readonly to: End;
}

/** The subscriptions of all bridges, `bridge.<name>.<from>.<to>`. */
export function planBridges({ bridges = {} }: ConfigInput, faults: Faults): readonly PlacedSubscription[] {
  return Object.entries(bridges).flatMap(([name, bridge]) => {
    const at = joinPointer("/bridges", name);
    const directions = faults.attempt(() => directionsOf(bridge, at)) ?? [];
    return directions.flatMap((direction) => faults.attempt(() => planDirection(name, bridge, direction, at)) ?? []);
  });
}

/** Whether a bridge, as written or as rendered, leads from one topic to the other. */
export function isBridged(
  subscriptions: readonly Subscription[],
  from: string | undefined,
  to: string | undefined,
): boolean {
  return subscriptions.some(
    ({ id, topic, sink }) => id.startsWith(ID_PREFIX) && topic === from && sink.kind === "topic" && sink.topic === to,
  );
}

/** Throws `invalid-configuration` for a bridge with neither form, or both, or one end. */
function directionsOf({ between, from, to }: BridgeInput, at: string): readonly Direction[] {
  const ends = between ?? [from, to];
  const [first, second] = ends;
  const isMixed = between !== undefined && (from !== undefined || to !== undefined);
  if (isMixed || ends.length !== 2 || first === undefined || second === undefined) {
    throw faultAt(
      "invalid-configuration",
      at,
      "write either `between: [a, b]`, for both ways, or `from: a` and `to: b`",
    );
  }
  if (first === second) throw faultAt("invalid-configuration", at, "leads a topic into itself: name two topics");
  const [a, b] = between === undefined ? [`${at}/from`, `${at}/to`] : [`${at}/between/0`, `${at}/between/1`];
  const there: Direction = { from: { topic: first, at: a }, to: { topic: second, at: b } };
  return between === undefined ? [there] : [there, { from: there.to, to: there.from }];
}

function planDirection(name: string, bridge: BridgeInput, { from, to }: Direction, at: string): PlacedSubscription {
  const { between: _between, from: _from, to: _to, ...rest } = bridge;
  checkReadableTopicName(from.topic, from.at);
  checkTopicName(to.topic, to.at);
  const id = `${ID_PREFIX}${name}.${from.topic}.${to.topic}`;
  if (id.length > NAME_CHARS_MAX) {
    const reason = `its subscription's id ${id.slice(0, 64)}… has ${id.length} characters, more than ${NAME_CHARS_MAX}: shorten the bridge's name`;
    throw faultAt("invalid-configuration", at, reason);
  }
  const input = { ...rest, id, topic: from.topic, sink: `topic:${to.topic}` };
  const subscription = resolveSubscription(input, { id: () => id, at });
  return { subscription, at, topicAt: from.at, sinkAt: to.at };
}
