/** A bridge whose target is down parks what it has received, up to its bound, and leaves the rest where it is. */
import { expect, it } from "vitest";
import { QUICK_RETRY, statusBecomes, unique } from "../support/api.ts";
import { describeOwnBroker } from "../support/brokers.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startReceiver } from "../support/receiver.ts";
import { arrivals, publishEvents, settles, watch } from "./ledger.ts";
import { startBus } from "./running-bus.ts";

failOnLeaks();

const EVENTS = 300;
const PARKED_MAX = 20;
const IN_FLIGHT_MAX = 8;
const BRIDGE = "bridge.out.here.there";
const RECOVERY_MS_MAX = 60_000;
const TEST_MS_MAX = 180_000;

describeOwnBroker("nats", "a bridge to a broker that is down", (broker) => {
  it(
    "reads no more than it may park, and carries everything once the broker is back",
    async () => {
      const delivery = {
        ...{ timeout: "500ms", maxParked: PARKED_MAX, maxInFlight: IN_FLIGHT_MAX },
        retry: QUICK_RETRY,
      };
      await using receiver = await startReceiver();
      await using bus = await startBus({
        bus: { id: unique("outage") },
        transports: { nats: { adapter: "nats", servers: [broker.address] } },
        topics: { here: null, there: { transport: "nats" } },
        bridges: { out: { from: "here", to: "there", delivery } },
      });
      await watch(bus.url, "there", receiver);
      await broker.stop();
      await publishEvents(bus.url, "here", "event", EVENTS);

      const { parked, backlog } = await statusBecomes(bus.url, BRIDGE, { state: "failing" });
      expect(parked).toBeLessThanOrEqual(PARKED_MAX);
      expect(backlog).toBeGreaterThanOrEqual(EVENTS - PARKED_MAX - IN_FLIGHT_MAX);

      await broker.start();
      await settles(bus.url, BRIDGE, { delivered: EVENTS, loopDropped: 0, from: "embedded" }, RECOVERY_MS_MAX);
      await eventually(() => expect(arrivals(receiver, "there").different).toBe(EVENTS), RECOVERY_MS_MAX);
    },
    TEST_MS_MAX,
  );
});
