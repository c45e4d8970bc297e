/** An event that is being delivered whenever the process dies. Method: the real process, killed by the test. */
import { rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { statusBecomes, subscribe, unique } from "../support/api.ts";
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
        await statusBecomes(bus.url, subscription, { inFlight: 1, backlog: 0 });
        await sink.received(2 * life);
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
