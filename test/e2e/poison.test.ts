/** An event that is being delivered whenever the process dies. Method: the real process, killed by the test. */
import { rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { statusBecomes, subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, publish } from "../support/http.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { makeDirectory, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

failOnLeaks();

const FOUR_STARTS_MS = 120_000;

describe("a delivery that is open at three unclean stops", () => {
  it(
    "is given up as poison, and those beside it are delivered",
    async () => {
      const dataDir = await makeDirectory();
      const never = new Promise<number>(() => undefined);
      await using sink = await startReceiver(({ id }) => (id === "poison" ? never : 200));
      const topic = unique("poison");
      let subscription = "";
      for (let life = 1; life <= 3; life += 1) {
        await using bus = await startPulsebus({ dataDir });
        if (life === 1) {
          subscription = await subscribe(bus.url, { topic, sink: sink.url(), delivery: { maxInFlight: 2 } });
          await publish(bus.url, topic, { id: "poison" });
        }
        await publish(bus.url, topic, { id: `fine-${life}` });
        await eventually(() => expect(sink.ids().filter((id) => id === "poison").length).toBe(life));
        await statusBecomes(bus.url, subscription, { inFlight: 1, backlog: 0 });
        await bus.stop("SIGKILL");
      }
      await using bus = await startPulsebus({ dataDir });
      await statusBecomes(bus.url, subscription, { deadLetters: 1, inFlight: 0, parked: 0 });
      const { items } = await call<{ items: object[] }>(bus.url, "GET", `/subscriptions/${subscription}/dead-letters`);
      expect(items).toMatchObject([{ reason: "poison", event: { id: "poison" } }]);
      expect(new Set(sink.ids())).toEqual(new Set(["poison", "fine-1", "fine-2", "fine-3"]));
      await bus.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
    FOUR_STARTS_MS,
  );
});

describe("after an unclean stop", () => {
  it("events that fall due later do not wait for each other", { timeout: FOUR_STARTS_MS }, async () => {
    const dataDir = await makeDirectory();
    const never = new Promise<number>(() => undefined);
    await using sink = await startReceiver(() => never);
    const topic = unique("later");
    {
      await using bus = await startPulsebus({ dataDir });
      await subscribe(bus.url, { topic, sink: sink.url() });
      await bus.stop("SIGKILL");
    }
    await using bus = await startPulsebus({ dataDir });
    const deliverytime = new Date(Date.now() + 1_000).toISOString();
    for (const id of ["1", "2", "3"]) await publish(bus.url, topic, { id, deliverytime });
    await sink.received(3);
    expect(sink.ids().sort()).toEqual(["1", "2", "3"]);
    await bus.stop("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  it("what was being attempted goes after what was not", { timeout: FOUR_STARTS_MS }, async () => {
    const dataDir = await makeDirectory();
    const never = new Promise<number>(() => undefined);
    await using sink = await startReceiver(() => never);
    const topic = unique("suspects");
    // Both are open at the first end; from then on they go one at a time.
    for (const requests of [2, 3, 4]) {
      await using bus = await startPulsebus({ dataDir });
      if (requests === 2) {
        await subscribe(bus.url, { topic, sink: sink.url() });
        for (const id of ["1", "2"]) await publish(bus.url, topic, { id });
      }
      await sink.received(requests);
      await bus.stop("SIGKILL");
    }
    const [, , second, third] = sink.ids();
    expect(third).not.toBe(second);
    await rm(dataDir, { recursive: true, force: true });
  });
});
