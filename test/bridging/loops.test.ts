/** Where ways of bridges lead back to a topic, and where they only look as if they did. */
import { expect, it } from "vitest";
import type { ConfigInput } from "../../src/config/input.ts";
import { deadLetters, statusBecomes, unique } from "../support/api.ts";
import { describeBrokers } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { call } from "../support/http.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startReceiver } from "../support/receiver.ts";
import { arrivals, publishEvents, settles, watch } from "./ledger.ts";
import { startBus } from "./running-bus.ts";
import { BROKERS, type Side, topicOn, transportsOf } from "./sides.ts";

failOnLeaks();

const EVENTS = 1_000;
/** Of a thousand events on a busy machine. */
const ARRIVAL_MS_MAX = 120_000;
const TEST_MS_MAX = 2 * ARRIVAL_MS_MAX;

/** Between topics, which are called by their numbers. */
interface Way {
  readonly from: number;
  readonly to: number;
}

interface Bridge extends Way {
  readonly delivered: number;
  readonly loopDropped: number;
}

await describeBrokers(BROKERS, "topics in a row", () => {
  it(
    "of three on three transports that close a ring hold every event once, and stop it at the end",
    async () => {
      const sides: readonly Side[] = ["nats", "kafka", "amqp"];
      await isExact(sides, [
        { from: 0, to: 1, delivered: EVENTS, loopDropped: 0 },
        { from: 1, to: 2, delivered: EVENTS, loopDropped: 0 },
        { from: 2, to: 0, delivered: 0, loopDropped: EVENTS },
      ]);
    },
    TEST_MS_MAX,
  );

  it.each([
    { title: "of the embedded log", sides: ["embedded", "embedded", "embedded", "embedded"] },
    { title: "on two brokers", sides: ["nats", "nats", "kafka", "kafka"] },
  ] as const)(
    "of four $title pass every event to the end",
    async ({ sides }) => {
      await isExact(sides, [
        { from: 0, to: 1, delivered: EVENTS, loopDropped: 0 },
        { from: 1, to: 2, delivered: EVENTS, loopDropped: 0 },
        { from: 2, to: 3, delivered: EVENTS, loopDropped: 0 },
      ]);
    },
    TEST_MS_MAX,
  );
});

it("dead-letters an event as a loop where it has passed more than maxHops places", async () => {
  const near = { from: 0, to: 1 };
  const far = { from: 1, to: 2 };
  const row = rowOf(["embedded", "embedded", "embedded"], [near, far]);
  await using bus = await startBus({ ...row, limits: { maxHops: 1 } });
  await publishEvents(bus.url, nameOf(0), "far", 1);
  await statusBecomes(bus.url, idOf(far), { deadLetters: 1, delivered: 0 });
  const [dead] = await deadLetters(bus.url, idOf(far));
  expect(dead).toMatchObject({ reason: "loop", event: { id: "far-0", source: "/test" } });
  expect(dead?.detail).toMatch(/2 places.*limits\.maxHops.*1/);
  expect(await call(bus.url, "GET", `/topics/${nameOf(2)}/events`)).toMatchObject({ items: [] });
});

/** Events enter the first topic; then each topic has each once, and each bridge has done what it should. */
async function isExact(sides: readonly Side[], bridges: readonly Bridge[]): Promise<void> {
  await using receiver = await startReceiver();
  await using bus = await startBus(rowOf(sides, bridges));
  const topics = sides.map((_, at) => nameOf(at));
  for (const topic of topics) await watch(bus.url, topic, receiver);
  await publishEvents(bus.url, nameOf(0), "event", EVENTS);
  for (const bridge of bridges) {
    const { from, delivered, loopDropped } = bridge;
    await settles(bus.url, idOf(bridge), { delivered, loopDropped, from: sides[from] ?? "embedded" }, ARRIVAL_MS_MAX);
  }
  await eventually(() => {
    for (const topic of topics) expect(arrivals(receiver, topic), topic).toEqual({ all: EVENTS, different: EVENTS });
  }, ARRIVAL_MS_MAX);
}

function rowOf(sides: readonly Side[], bridges: readonly Way[]): ConfigInput {
  const run = unique("row");
  const topics = sides.map((side, at) => [nameOf(at), topicOn(side, { address: `${run}-${at}` })]);
  return {
    ...{ bus: { id: run }, transports: transportsOf([...new Set(sides)]) },
    topics: Object.fromEntries(topics),
    bridges: Object.fromEntries(
      bridges.map(({ from, to }) => [`from-${from}`, { from: nameOf(from), to: nameOf(to) }]),
    ),
  };
}

function nameOf(topic: number): string {
  return `topic-${topic}`;
}

/** Of the bridge's subscription. */
function idOf({ from, to }: Way): string {
  return `bridge.from-${from}.${nameOf(from)}.${nameOf(to)}`;
}
