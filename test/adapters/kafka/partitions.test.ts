/** Topics of several partitions: order by key, reading all of them side by side, starts and pages. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { attributeOf } from "../../../src/event/event.ts";
import { idOf, idsOf, makeEvent } from "../../../src/transport/conformance/events.ts";
import { type Consumer, type Item, isMalformed, type Start, type Transport } from "../../../src/transport/port.ts";
import { describeBroker } from "../../support/brokers.ts";
import { EVERYTHING, openKafka, soon, topicSettings, uniqueName } from "./instance.ts";

const PARTITIONS = 4;
const KEYS = 12;
const EVENTS = 600;

await describeBroker("kafka", "a Kafka topic of several partitions", (server) => {
  const addresses: string[] = [];
  let transport: Transport;

  beforeAll(async () => {
    transport = await openKafka(server);
  });

  afterAll(async () => {
    for (const address of addresses) await transport.deprovision(address);
    await transport.close(soon());
  });

  async function topic(): Promise<string> {
    const address = uniqueName();
    addresses.push(address);
    await transport.provision(address, topicSettings({ key: "partitionkey", options: { partitions: PARTITIONS } }));
    return address;
  }

  /** One after the other in time, many at once on the wire. */
  async function publish(address: string, count: number, from = 0): Promise<string[]> {
    const publisher = transport.publisher(address);
    const calls = Array.from({ length: count }, (_, n) => {
      const id = `${from + n}`;
      return publisher.publish([makeEvent({ id, attributes: [["partitionkey", `key ${n % KEYS}`]] })], soon());
    });
    return (await Promise.all(calls)).map(([result]) =>
      result?.ok ? (result.position ?? "") : expect.fail("not stored"),
    );
  }

  async function consumer(address: string, start: Start = { at: "earliest" }): Promise<Consumer> {
    const group = uniqueName();
    await transport.createGroup(address, group, start);
    return transport.consumer(address, group, { matcher: EVERYTHING });
  }

  async function receive(from: Consumer, count: number): Promise<Item[]> {
    const items: Item[] = [];
    const signal = AbortSignal.timeout(20_000);
    while (items.length < count && !signal.aborted) items.push(...(await from.receive(50, signal)));
    return items;
  }

  function keyOf({ event }: Item): string {
    return isMalformed(event) ? "" : (attributeOf(event, "partitionkey") ?? "");
  }

  function partitionOf({ position }: Item): string {
    return position.split(/[/:]/)[1] ?? "";
  }

  it("spreads keys over its partitions and keeps the order of each key, though publishes do not wait", async () => {
    const address = await topic();
    const positions = await publish(address, EVENTS);
    const items = await receive(await consumer(address), EVENTS);
    expect(items.map(({ position }) => position).toSorted()).toEqual(positions.toSorted());
    expect(new Set(items.map(partitionOf)).size).toBeGreaterThan(1);
    for (const [key, ofKey] of Map.groupBy(items, keyOf)) {
      expect(
        ofKey.map((item) => Number(idOf(item))),
        key,
      ).toEqual(ofKey.map((item) => Number(idOf(item))).toSorted((a, b) => a - b));
      expect(new Set(ofKey.map(partitionOf)).size, key).toBe(1);
      expect(new Set(ofKey.map((item) => item.key)), "the native key").toEqual(new Set([key]));
    }
  });

  it("goes on in the other partitions while an event of one is open, and repeats just that one", async () => {
    const address = await topic();
    await publish(address, EVENTS);
    const group = uniqueName();
    await transport.createGroup(address, group, { at: "earliest" });
    const first = transport.consumer(address, group, { matcher: EVERYTHING });
    const items = await receive(first, EVENTS);
    const [held, ...rest] = items;
    for (const item of rest) first.settle(item, "ack");
    await first.close(soon());
    expect(await transport.stats(address, group)).toMatchObject({ backlog: 1 });
    const second = transport.consumer(address, group, { matcher: EVERYTHING });
    expect((await receive(second, 1)).map(({ position }) => position)).toEqual([held?.position]);
    expect(await second.receive(1, AbortSignal.timeout(800))).toEqual([]);
    await second.close(soon());
  });

  it("is read in pages that miss and repeat nothing", async () => {
    const address = await topic();
    await publish(address, 100);
    const seen: string[] = [];
    let from: Start = { at: "earliest" };
    for (;;) {
      const { items, next } = await transport.read(address, from, 17);
      expect(items.length).toBeLessThanOrEqual(17);
      seen.push(...idsOf(items));
      if (next === undefined) break;
      from = { at: "position", position: next };
    }
    expect(seen.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it("starts a group at the position of one event, and elsewhere at its time", async () => {
    const address = await topic();
    await publish(address, 24);
    await new Promise((resolve) => setTimeout(resolve, 5)); // brokers keep milliseconds
    const positions = await publish(address, 24, 24);
    const start = { at: "position", position: positions[0] ?? "" } as const;
    const ids = idsOf(await receive(await consumer(address, start), 24));
    expect(ids.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, n) => n + 24));
  });

  it("refuses to start at a position of another topic, or at what is none", async () => {
    const address = await topic();
    const [position = ""] = await publish(await topic(), 1);
    for (const wrong of [position, "1-1", ""]) {
      const creating = transport.createGroup(address, uniqueName(), { at: "position", position: wrong });
      await expect(creating, wrong).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it("keeps events without a key of one call together, in their order", async () => {
    const address = await topic();
    const events = Array.from({ length: 50 }, (_, n) => makeEvent({ id: `${n}` }));
    await transport.publisher(address).publish(events, soon());
    const items = await receive(await consumer(address), 50);
    expect(idsOf(items)).toEqual(events.map(({ id }) => id));
    expect(new Set(items.map(partitionOf)).size).toBe(1);
  });

  it("finds an event by its identity, the newest first", async () => {
    const address = await topic();
    await publish(address, 30);
    await publish(address, 1, 7);
    const { items, complete } = await transport.find(address, { source: "/conformance", id: "7" });
    expect(idsOf(items)).toEqual(["7", "7"]);
    expect(complete).toBe(true);
  });

  it("tells how many events it holds, and since when", async () => {
    const address = await topic();
    expect(await transport.topicStats(address)).toMatchObject({ events: 0, oldestAt: undefined });
    const before = Date.now();
    await publish(address, 30);
    const { events, oldestAt = 0, newestAt = 0 } = await transport.topicStats(address);
    expect(events).toBe(30);
    expect(oldestAt).toBeGreaterThanOrEqual(before);
    expect(newestAt).toBeGreaterThanOrEqual(oldestAt);
  });
});
