/** Goal: a replay loses nothing whenever the process dies, and works wherever a transport can be read again. */
import { rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { ReplayResource } from "../../src/cli/resources.ts";
import { type RunningBus, startBus } from "../bridging/running-bus.ts";
import { topicOn, transportsOf } from "../bridging/sides.ts";
import { statusBecomes, subscribe, unique } from "../support/api.ts";
import { type BrokerName, describeBroker } from "../support/brokers.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { call, publish, send } from "../support/http.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { makeDirectory, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

failOnLeaks();

const TWO_STARTS_MS = 90_000;
const WAIT_MS = 40_000;

function events(count: number): { readonly id: string }[] {
  return Array.from({ length: count }, (_, index) => ({ id: `e${index}` }));
}

function batch(url: string, topic: string, ids: readonly { readonly id: string }[]) {
  const body = JSON.stringify(ids.map(({ id }) => ({ specversion: "1.0", type: "t", source: "/s", id })));
  const headers = { "Content-Type": "application/cloudevents-batch+json" };
  return send(`${url}/topics/${topic}/events`, { method: "POST", headers, body });
}

function replay(url: string, subscription: string, request: object): Promise<ReplayResource> {
  return call(url, "POST", `/subscriptions/${subscription}/replay`, request);
}

async function done(url: string, subscription: string, { id }: ReplayResource): Promise<ReplayResource> {
  const path = `/subscriptions/${subscription}/replays/${id}`;
  const ended = await eventually(async () => {
    const shown = await call<ReplayResource>(url, "GET", path);
    expect(shown).toMatchObject({ state: "done" });
    return shown;
  }, WAIT_MS);
  await statusBecomes(url, subscription, { parked: 0, inFlight: 0 }, WAIT_MS);
  return ended;
}

describe("a process that is killed in the middle of a replay", () => {
  it(
    "goes on with it, and nothing of the range is missing",
    async () => {
      const dataDir = await makeDirectory();
      await using receiver = await startReceiver();
      const [topic, all] = [unique("replay"), events(1_000)];
      let [subscription, begun]: [string, ReplayResource | undefined] = ["", undefined];
      {
        await using bus = await startPulsebus({ dataDir });
        expect((await batch(bus.url, topic, all)).status).toBe(202);
        subscription = await subscribe(bus.url, { topic, sink: receiver.url() });
        begun = await replay(bus.url, subscription, { from: "earliest", perSecond: 1_000 });
        await receiver.received(150);
        await bus.stop("SIGKILL");
      }
      const before = receiver.requests.length;
      expect(before).toBeLessThan(all.length);
      await using bus = await startPulsebus({ dataDir });
      expect(await done(bus.url, subscription, begun)).toMatchObject({ scanned: all.length, matched: all.length });
      expect(new Set(receiver.ids())).toEqual(new Set(all.map(({ id }) => id)));
      // Deliveries that were open, and a page at most.
      expect(receiver.requests.length - all.length).toBeLessThan(all.length / 4);
      await bus.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    TWO_STARTS_MS,
  );
});

describe("pulsebus replay", () => {
  it("begins one, lists and cancels them", async () => {
    await using bus = await startPulsebus();
    await using receiver = await startReceiver();
    const topic = unique("replay");
    await batch(bus.url, topic, events(50));
    const subscription = await subscribe(bus.url, { topic, sink: receiver.url() });
    const run = (...argv: string[]) =>
      runCommand(["replay", subscription, ...argv], { env: { PULSEBUS_URL: bus.url } });
    const begun = await run("--from", "2020-01-01T00:00:00Z", "--rate", "5");
    expect(begun.stdout).toMatch(/^replay \S+ of subscription \S+ is running\n$/);
    const [, id = ""] = begun.stdout.split(" ");
    await receiver.received(1);
    expect((await run("--list")).stdout).toMatch(new RegExp(`^REPLAY .*\\n${id} +running`));
    expect((await run("--cancel", id)).stdout).toMatch(new RegExp(`^replay ${id} is cancelled: \\d+ events`));
    const refused = await run("--from", "nonsense");
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("from.position") });
    await bus.stop();
  });
});

/** A bus with one topic on this broker, and what it is bound to. */
function busOn(broker: BrokerName, options: object = {}): Promise<RunningBus> {
  const name = unique("replay");
  return startBus({
    ...{ bus: { id: name }, transports: transportsOf([broker]) },
    topics: { orders: topicOn(broker, { address: name, ...options }) },
  });
}

for (const broker of ["nats", "kafka"] as const) {
  await describeBroker(broker, `a replay on ${broker}`, () => {
    it(
      "delivers what the broker holds, from its beginning and between positions",
      async () => {
        await using bus = await busOn(broker, broker === "kafka" ? { options: { partitions: 3 } } : {});
        await using receiver = await startReceiver();
        for (const { id } of events(30)) await publish(bus.url, "orders", { id });
        const subscription = await subscribe(bus.url, { topic: "orders", sink: receiver.url() });
        await done(bus.url, subscription, await replay(bus.url, subscription, { from: "earliest" }));
        expect(receiver.ids().sort()).toEqual(
          events(30)
            .map(({ id }) => id)
            .sort(),
        );
        receiver.requests.length = 0;
        const { items } = await call<{ items: { position: string; event: { id: string } }[] }>(
          bus.url,
          "GET",
          "/topics/orders/events",
        );
        const [from, to] = [items[10], items[19]].map((item) => ({ position: item?.position }));
        await done(bus.url, subscription, await replay(bus.url, subscription, { from, to }));
        const wanted = items.slice(10, 20).map(({ event }) => event.id);
        expect(receiver.ids()).toEqual(expect.arrayContaining(wanted));
        // Across partitions a position says when, to the millisecond.
        expect(receiver.requests.length).toBeLessThanOrEqual(broker === "kafka" ? 14 : 10);
      },
      TWO_STARTS_MS,
    );
  });
}

for (const broker of ["amqp", "gcp-pubsub"] as const) {
  await describeBroker(broker, `a replay on ${broker}`, () => {
    it("is refused, with the reason", async () => {
      await using bus = await busOn(broker);
      const subscription = await subscribe(bus.url, { topic: "orders", sink: "http://127.0.0.1:1/" });
      const starting = replay(bus.url, subscription, { from: "earliest" });
      await expect(starting).rejects.toThrow(/422.*not-supported.*keeps nothing that was delivered/);
      await call(bus.url, "DELETE", `/subscriptions/${subscription}`);
    });
  });
}
