/**
 * Two topics that mirror each other: what enters on one side comes to the other once, and never back.
 * `MIRROR_QUIET_SECONDS=60` watches a minute for what must not come, instead of two seconds; what makes it impossible is
 * asserted before: all of each topic has been dealt with, and nothing is owed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { ConfigInput } from "../../src/config/input.ts";
import { unique } from "../support/api.ts";
import { describeBrokers } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startReceiver, type TestReceiver } from "../support/receiver.ts";
import { arrivals, publishEvents, settles, watch } from "./ledger.ts";
import { startBus } from "./running-bus.ts";
import { BROKERS, type Side, topicOn, transportsOf } from "./sides.ts";

failOnLeaks();

const QUIET_SECONDS = Number(process.env.MIRROR_QUIET_SECONDS ?? 2);
/** Of a thousand events on a busy machine. */
const ARRIVAL_MS_MAX = 120_000;
const TEST_MS_MAX = 2 * ARRIVAL_MS_MAX + QUIET_SECONDS * 1_000;

interface Mirror {
  readonly left: Side;
  readonly right: Side;
  /** That enter on each side. */
  readonly each: number;
}

/** A topic as one bus sees it. */
interface End {
  readonly url: string;
  readonly topic: string;
  readonly side: Side;
  /** The subscription that forwards from it into the other. */
  readonly bridge: string;
}

/** Few events where Pub/Sub is a side, whose test server is slow. */
const AT_ONE_BUS: readonly Mirror[] = [
  { left: "nats", right: "kafka", each: 500 },
  { left: "embedded", right: "amqp", each: 500 },
  { left: "gcp-pubsub", right: "nats", each: 50 },
];
const BETWEEN_BUSES: readonly Mirror[] = [
  { left: "nats", right: "kafka", each: 500 },
  { left: "kafka", right: "amqp", each: 500 },
  { left: "amqp", right: "gcp-pubsub", each: 50 },
];

await describeBrokers(BROKERS, "a mirror of two topics", () => {
  it.for(AT_ONE_BUS)(
    "on $left and $right, in one bus, has every event once on each side",
    { timeout: TEST_MS_MAX },
    async (mirror, { annotate }) => {
      await using bus = await startBus(oneBus(mirror));
      const { url } = bus;
      const account = await mirrored(mirror.each, [
        { url, topic: "left", side: mirror.left, bridge: "bridge.mirror.left.right" },
        { url, topic: "right", side: mirror.right, bridge: "bridge.mirror.right.left" },
      ]);
      await annotate(account);
    },
  );

  it.for(BETWEEN_BUSES)(
    "on $left and $right, by two buses with names of their own, has so too",
    { timeout: TEST_MS_MAX },
    async (mirror, { annotate }) => {
      const { eu, us } = twoBuses(mirror);
      await using euBus = await startBus(eu);
      await using usBus = await startBus(us);
      const account = await mirrored(mirror.each, [
        { url: euBus.url, topic: "orders", side: mirror.left, bridge: "bridge.out.orders.abroad" },
        { url: usBus.url, topic: "bestellungen", side: mirror.right, bridge: "bridge.hinaus.bestellungen.europa" },
      ]);
      await annotate(account);
    },
  );
});

function oneBus({ left, right }: Mirror): ConfigInput {
  const name = unique("mirror");
  return {
    bus: { id: name },
    transports: transportsOf([left, right]),
    topics: {
      left: topicOn(left, { address: `${name}-left` }),
      right: topicOn(right, { address: `${name}-right` }),
    },
    bridges: { mirror: { between: ["left", "right"] } },
  };
}

/** Each bus forwards one way, from its own side into the other's. */
function twoBuses({ left, right }: Mirror): { readonly eu: ConfigInput; readonly us: ConfigInput } {
  const name = unique("mirror");
  const transports = transportsOf([left, right]);
  const onLeft = topicOn(left, { address: `${name}-left` });
  const onRight = topicOn(right, { address: `${name}-right` });
  return {
    eu: {
      ...{ bus: { id: `${name}-eu` }, transports },
      topics: { orders: onLeft, abroad: onRight },
      bridges: { out: { from: "orders", to: "abroad" } },
    },
    us: {
      ...{ bus: { id: `${name}-us` }, transports },
      topics: { bestellungen: onRight, europa: onLeft },
      bridges: { hinaus: { from: "bestellungen", to: "europa" } },
    },
  };
}

/**
 * Publishes on each side; then both sides have everything once, and nothing comes afterwards. Answers the account, which
 * `--reporter=verbose` shows.
 */
async function mirrored(each: number, ends: readonly End[]): Promise<string> {
  await using receiver = await startReceiver();
  for (const { url, topic } of ends) await watch(url, topic, receiver);
  await Promise.all(ends.map(({ url, topic }) => publishEvents(url, topic, topic, each)));
  const isSettled = async (withinMs: number): Promise<void> => {
    // What entered here went over, and what came from there was kept from going back.
    const work = { delivered: each, loopDropped: each };
    for (const { url, bridge, side } of ends) await settles(url, bridge, { ...work, from: side }, withinMs);
  };
  await isSettled(ARRIVAL_MS_MAX);
  await eventually(() => expectBoth(receiver, ends, 2 * each), ARRIVAL_MS_MAX);
  const before = receiver.requests.length;
  await sleep(QUIET_SECONDS * 1_000);
  await isSettled(0);
  expectBoth(receiver, ends, 2 * each);
  const late = receiver.requests.length - before;
  return `${each} entered on each side, ${2 * each} came to each side, ${late} in the ${QUIET_SECONDS} s after`;
}

function expectBoth(receiver: TestReceiver, ends: readonly End[], count: number): void {
  for (const { topic } of ends) expect(arrivals(receiver, topic), topic).toEqual({ all: count, different: count });
}
