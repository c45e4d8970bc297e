import assert from "node:assert/strict";
import type { Store } from "../../../src/store/port.ts";
import { BILLING, deadAfter, deadOf, eventOf, idsOf, NOW, OTHER, parkOf, rescheduleOf, times } from "./samples.ts";
import type { StoreCase } from "./subject.ts";

async function lease(store: Store, now: number, limit = 100, lane: "retry" | "forward" = "retry") {
  const { rows, nextDueAt } = await store.leaseDue({ subscription: BILLING, lane, now, limit });
  return { ids: idsOf(rows), nextDueAt };
}

const dueAt = (...times: number[]) => times.map((time) => parkOf(BILLING, { dueAt: time }));

const selection: readonly StoreCase[] = [
  {
    name: "leases what is due, oldest first, up to the limit, and says when the next falls due",
    async run({ store }) {
      const [c, a, b, d] = dueAt(30, 10, 20, 40);
      await store.park([c, a, b, d].filter((park) => park !== undefined));
      assert.deepEqual(await lease(store, 30, 2), { ids: [a?.id, b?.id], nextDueAt: 30 });
      assert.deepEqual(await lease(store, 30, 2), { ids: [c?.id], nextDueAt: 40 });
      assert.deepEqual(await lease(store, 40, 2), { ids: [d?.id], nextDueAt: undefined });
      assert.deepEqual(await lease(store, 40, 2), { ids: [], nextDueAt: undefined });
    },
  },
  {
    name: "shows a leased row as a list does",
    async run({ store }) {
      await store.park([parkOf(BILLING)]);
      const { rows } = await store.leaseDue({ subscription: BILLING, lane: "retry", now: 9_000, limit: 1 });
      const { items } = await store.list(BILLING, "parked", {}, { cursor: undefined, limit: 1 });
      assert.deepEqual({ ...rows[0] }, { ...items[0] });
    },
  },
  {
    name: "leases nothing early when the clock jumps back",
    async run({ store }) {
      const parks = dueAt(1_000);
      await store.park(parks);
      assert.deepEqual(await lease(store, 999), { ids: [], nextDueAt: 1_000 });
      assert.deepEqual(await lease(store, -5), { ids: [], nextDueAt: 1_000 });
      assert.deepEqual((await lease(store, 1_000)).ids, idsOf(parks));
    },
  },
  {
    name: "keeps lanes and subscriptions apart",
    async run({ store }) {
      const retry = parkOf(BILLING, { dueAt: 10 });
      const forward = deadOf(BILLING, { forwardDueAt: 20 });
      const kept = deadOf(BILLING);
      await Promise.all([store.park([retry, parkOf(OTHER, { dueAt: 1 })]), store.deadLetter([forward, kept])]);
      assert.deepEqual(await lease(store, 50, 9, "retry"), { ids: [retry.id], nextDueAt: undefined });
      assert.deepEqual(await lease(store, 50, 9, "forward"), { ids: [forward.id], nextDueAt: undefined });
    },
  },
  {
    name: "leases many large events in several calls rather than in one",
    async run({ store }) {
      const data = { kind: "binary" as const, bytes: Buffer.alloc(1024 * 1024) };
      const parks = times(20, () => parkOf(BILLING, { dueAt: 10, event: eventOf({ data }) }));
      await store.park(parks);
      const leased: string[] = [];
      for (let found = await lease(store, 10); found.ids.length > 0; found = await lease(store, 10)) {
        assert.equal(found.nextDueAt, leased.length + found.ids.length < parks.length ? 10 : undefined);
        leased.push(...found.ids);
      }
      assert.deepEqual(leased.sort(), idsOf(parks).sort());
    },
  },
];

const exclusion: readonly StoreCase[] = [
  {
    name: "hands out each row once to calls made at the same time",
    async run({ store }) {
      const parks = times(100, () => parkOf(BILLING, { dueAt: 10 }));
      await store.park(parks);
      const leases = await Promise.all(times(8, () => lease(store, 10, 20)));
      const leased = leases.flatMap(({ ids }) => ids);
      assert.deepEqual(leased.sort(), idsOf(parks).sort());
    },
  },
  {
    name: "leases a row again once it is released",
    async run({ store }) {
      const parks = dueAt(10);
      await store.park(parks);
      await lease(store, 10);
      store.release("retry", [...idsOf(parks), "unknown"]);
      assert.deepEqual((await lease(store, 10)).ids, idsOf(parks));
    },
  },
  {
    name: "keeps the lease of a retry when the forwarding that went on under its redrive is given back",
    async run({ store }) {
      const dead = deadOf(BILLING, { forwardDueAt: 10 });
      await store.deadLetter([dead]);
      await lease(store, 10, 9, "forward");
      await store.redrive(BILLING, { ids: [dead.id] }, 20, 1);
      assert.deepEqual((await lease(store, 20)).ids, [dead.id]);
      store.release("forward", [dead.id]);
      assert.deepEqual((await lease(store, 20)).ids, []);
    },
  },
  {
    name: "leases a row again once it is rescheduled and due",
    async run({ store }) {
      const [park] = dueAt(10);
      assert(park !== undefined);
      await store.park([park]);
      await lease(store, 10);
      await store.reschedule([rescheduleOf(park, 2, 20)]);
      assert.deepEqual(await lease(store, 19), { ids: [], nextDueAt: 20 });
      assert.deepEqual(await lease(store, 20), { ids: [park.id], nextDueAt: undefined });
    },
  },
  {
    name: "leases a dead letter in the forward lane once its retry lane gave up, and again when it is put off",
    async run({ store }) {
      const [park] = dueAt(10);
      assert(park !== undefined);
      await store.park([park]);
      await lease(store, 10);
      await store.deadLetter([deadAfter(park, { forwardDueAt: 30 })]);
      assert.deepEqual(await lease(store, 30, 9, "forward"), { ids: [park.id], nextDueAt: undefined });
      assert.deepEqual((await lease(store, 30, 9, "forward")).ids, []);
      await store.forwarded(park.id, { dueAt: 40 });
      assert.deepEqual((await lease(store, 40, 9, "forward")).ids, [park.id]);
      await store.forwarded(park.id, { forwardedAt: 41 });
      assert.deepEqual(await lease(store, 99, 9, "forward"), { ids: [], nextDueAt: undefined });
    },
  },
  {
    name: "leases what was redriven, even while it was leased to be forwarded",
    async run({ store }) {
      const dead = deadOf(BILLING, { forwardDueAt: 10 });
      await store.deadLetter([dead]);
      await lease(store, 10, 9, "forward");
      await store.redrive(BILLING, { ids: [dead.id] }, 20, 1);
      assert.deepEqual((await lease(store, 20)).ids, [dead.id]);
      await store.forwarded(dead.id, { dueAt: 30 });
      assert.deepEqual((await lease(store, 50)).ids, [], "the late outcome of forwarding frees no retry");
      assert.equal((await store.get(BILLING, dead.id))?.dueAt, 20);
    },
  },
  {
    name: "leases what comes after a leased row that was discarded",
    async run({ store }) {
      const [first, second] = [deadOf(BILLING, { forwardDueAt: 10 }), deadOf(BILLING, { forwardDueAt: 10 })] as const;
      await store.deadLetter([first]);
      await lease(store, 10, 9, "forward");
      await store.discard(BILLING, { ids: [first.id] }, NOW, 1);
      await store.deadLetter([second]);
      assert.deepEqual((await lease(store, 10, 9, "forward")).ids, [second.id]);
    },
  },
  {
    name: "forgets its leases with its process",
    async run(subject) {
      const parks = dueAt(10, 10);
      await subject.store.park(parks);
      await lease(subject.store, 10);
      assert.deepEqual((await lease(await subject.reopen(), 10)).ids.sort(), idsOf(parks).sort());
    },
  },
];

const races: readonly StoreCase[] = [
  {
    name: "does not hand out again what is being completed, however the calls overlap",
    async run({ store }) {
      for (let turns = 0; turns < 10; turns++) {
        const parks = dueAt(10, 10, 10);
        await store.park(parks);
        await lease(store, 10);
        const looking = lease(store, 10);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        const [found] = await Promise.all([looking, store.complete(idsOf(parks), NOW)]);
        assert.deepEqual(found.ids, []);
      }
    },
  },
  {
    name: "tells the new due time of what is rescheduled while it looks",
    async run({ store }) {
      const [park] = dueAt(10);
      assert(park !== undefined);
      await store.park([park]);
      await lease(store, 10);
      const rescheduled = store.reschedule([rescheduleOf(park, 2, 30)]);
      const [found] = await Promise.all([lease(store, 10), rescheduled]);
      assert.deepEqual(found, { ids: [], nextDueAt: 30 });
    },
  },
  {
    name: "tells that something is due when it is released while it looks",
    async run({ store }) {
      const parks = dueAt(10);
      await store.park(parks);
      await lease(store, 10);
      const looking = lease(store, 10);
      await new Promise((resolve) => setImmediate(resolve));
      store.release("retry", idsOf(parks));
      const found = await looking;
      assert(found.ids.length === 1 || (found.nextDueAt ?? Number.POSITIVE_INFINITY) <= 10);
    },
  },
];

export const leaseCases: readonly StoreCase[] = [...selection, ...exclusion, ...races];
