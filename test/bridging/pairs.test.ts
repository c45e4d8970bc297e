/** Events on their way from any transport over any other and back: nothing is missing or changed, nothing comes twice. */
import { beforeAll, expect, it } from "vitest";
import type { Item } from "../../src/transport/port.ts";
import { describeBrokers } from "../support/brokers.ts";
import { BINARY_EVENTS, STRUCTURED_EVENTS } from "../support/event-vectors.ts";
import { account, FLAWLESS } from "./account.ts";
import { CARRY_MS_MAX, carry } from "./carry.ts";
import { BROKERS, SIDES, topicOn } from "./sides.ts";

const HOPS = 2;
const events = [...BINARY_EVENTS, ...STRUCTURED_EVENTS];
const pairs = SIDES.flatMap((a) => SIDES.filter((b) => b !== a).map((b) => ({ a, b, name: `${a}-over-${b}` })));

/** Middle topics that write all events in one mode, whatever they came in. */
const rewriting = BROKERS.flatMap((broker) =>
  (["binary", "structured"] as const).map((mode) => ({ broker, mode, name: `${mode}-on-${broker}` })),
);

await describeBrokers(BROKERS, "a bridge there and back", () => {
  let arrived: ReadonlyMap<string, readonly Item[]>;

  beforeAll(async () => {
    arrived = await carry([
      ...pairs.map(({ a, b, name }) => ({ name, stops: [topicOn(a), topicOn(b), topicOn(a)], events })),
      ...rewriting.map(({ broker, mode, name }) => ({
        ...{ name, events },
        stops: [topicOn("embedded"), topicOn(broker, { mode }), topicOn("embedded")],
      })),
    ]);
  }, CARRY_MS_MAX);

  it.each(pairs)("from $a over $b loses, changes and repeats nothing", ({ name }) => {
    expect(account(events, arrived.get(name) ?? [], "with-mode", HOPS)).toEqual(FLAWLESS);
  });

  it.each(rewriting)("over $broker in $mode mode loses, changes and repeats nothing but modes", ({ name }) => {
    expect(account(events, arrived.get(name) ?? [], "without-mode", HOPS)).toEqual(FLAWLESS);
  });
});
