/**
 * Bugs on purpose, which prove that the simulation can fail. Each is built into what the engine is given, never into the
 * engine: a port that breaks one promise, as the engine would if it had the bug.
 */
import type { SinkResult } from "../../src/sink/port.ts";
import type { Store } from "../../src/store/port.ts";
import { OffsetTracker } from "../../src/transport/offset-tracker.ts";
import type { Consumer, Transport } from "../../src/transport/port.ts";
import type { Defect } from "./host.ts";

/** The same store, but for some of its methods. */
function storeWith(change: (store: Store) => Partial<Store>): Defect {
  return { store: (store) => overriding(store, change(store)) };
}

/** The same transport, but for some methods of its consumers. */
function consumersWith(change: (consumer: Consumer) => Partial<Consumer>): Defect {
  const changed = (transport: Transport): Partial<Transport> => ({
    consumer(address, group, options) {
      const consumer = transport.consumer(address, group, options);
      return overriding(consumer, change(consumer));
    },
  });
  return { transport: (transport) => overriding(transport, changed(transport)) };
}

function overriding<T extends object>(target: T, changed: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(name in changed ? changed : target, name);
      return typeof value === "function" ? value.bind(name in changed ? changed : target) : value;
    },
  });
}

const BUSY: SinkResult = { kind: "response", status: 503, retryAfterMs: 60_000, excerpt: "" };

/** Commits as if nothing were open. */
class LeapingTracker extends OffsetTracker {
  override get floor(): bigint {
    return this.next;
  }
}

export const DEFECTS: Readonly<Record<string, Defect>> = {
  "ack before park": consumersWith((consumer) => ({
    async receive(max, signal) {
      const items = await consumer.receive(max, signal);
      for (const item of items) if (item.redelivered) consumer.settle(item, "ack");
      return items;
    },
  })),

  "retry row after settle": storeWith((store) => ({
    async park(rows) {
      void store.park(rows).catch(() => {});
    },
  })),

  "floor past a gap": { tracker: (next) => new LeapingTracker(next) },

  /** A slot is free again while its attempt still runs. */
  "window off by one": {
    sink(sink) {
      let isEarly = false;
      return overriding(sink, {
        deliver(deliveries, signal) {
          const attempt = sink.deliver(deliveries, signal);
          if (isEarly) return attempt;
          isEarly = true;
          void attempt.then(() => {
            isEarly = false;
          });
          return Promise.resolve(deliveries.map(() => BUSY));
        },
      });
    },
  },

  "key order lost on restart": storeWith(() => ({ heldKeys: async () => new Map() })),

  /** With the process: what is leased first after a start. */
  "attempts reset": storeWith((store) => {
    let isFirst = true;
    return {
      async leaseDue(request) {
        const lease = await store.leaseDue(request);
        const rows = isFirst ? lease.rows.map((row) => ({ ...row, attempts: 0 })) : lease.rows;
        isFirst = false;
        return { ...lease, rows };
      },
    };
  }),

  /** Of those that were parked before. */
  "dead letter dropped": storeWith((store) => ({
    async deadLetter(rows) {
      const isParked = rows.some(({ attempts }) => attempts > 1);
      if (!isParked) return store.deadLetter(rows);
      for (const { id, diedAt } of rows) await store.complete([id], diedAt);
    },
  })),

  "lease not fenced": storeWith((store) => ({
    async leaseDue(request) {
      const lease = await store.leaseDue(request);
      store.release(
        request.lane,
        lease.rows.map(({ id }) => id),
      );
      return lease;
    },
  })),
};
