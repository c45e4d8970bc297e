/** Rows of one key: one due at a time, in the order in which they were parked. */
import assert from "node:assert/strict";
import type { Park, Store } from "../../../src/store/port.ts";
import { BILLING, deadAfter, deadOf, idsOf, NOW, OTHER, parkOf, rescheduleOf, times } from "./samples.ts";
import type { StoreCase } from "./subject.ts";

const KEY = "order-7";
const DUE = 5_000;

function keyed(count: number): Park[] {
  return times(count, () => parkOf(BILLING, { key: KEY, dueAt: DUE }));
}

/** The ids that are due now; they are given back. */
async function due(store: Store, now = NOW): Promise<string[]> {
  const { rows } = await store.leaseDue({ subscription: BILLING, lane: "retry", now, limit: 100 });
  const ids = idsOf(rows);
  store.release("retry", ids);
  return ids;
}

/** Completes it, and gives back what has become due by it; answers that. */
async function complete(store: Store, id: string): Promise<string[]> {
  const next = idsOf(await store.complete([id], NOW));
  store.release("retry", next);
  return next;
}

const waiting: readonly StoreCase[] = [
  {
    name: "has the first row of a key due and lets the later ones wait behind it",
    async run({ store }) {
      const [first, ...later] = keyed(3) as [Park, ...Park[]];
      await store.park([first, later[0] as Park]);
      await store.park(later.slice(1));
      assert.deepEqual(await due(store), [first.id]);
      assert.equal((await store.get(BILLING, later[1]?.id ?? ""))?.dueAt, undefined);
      assert.equal((await store.get(BILLING, first.id))?.key, KEY);
    },
  },
  {
    name: "has the next of a key due when the first is done, and leaves it waiting while that is tried again",
    async run({ store }) {
      const rows = keyed(3);
      await store.park(rows);
      for (const row of rows) {
        assert.deepEqual(await due(store), [row.id]);
        await store.reschedule([rescheduleOf(row, 2, NOW + 1)]);
        assert.deepEqual(await due(store), []);
        await complete(store, row.id);
      }
      assert.deepEqual(await due(store), []);
    },
  },
  {
    name: "leases the next of a key to whom completes the one before it",
    async run({ store }) {
      const [first, second, other] = [...keyed(2), parkOf(BILLING, { dueAt: DUE })] as [Park, Park, Park];
      await store.park([first, second, other]);
      const request = { subscription: BILLING, lane: "retry", now: NOW, limit: 100 } as const;
      assert.deepEqual(idsOf((await store.leaseDue(request)).rows), [first.id, other.id]);
      const [next] = await store.complete([first.id, other.id], NOW);
      assert.deepEqual([next?.id, next?.dueAt, next?.key], [second.id, NOW, KEY]);
      assert.deepEqual(next?.event, second.event);
      assert.deepEqual((await store.leaseDue(request)).rows, []);
      store.release("retry", [second.id]);
      assert.deepEqual(await due(store), [second.id]);
      assert.deepEqual(await store.complete([second.id], NOW), []);
    },
  },
  {
    name: "leases the next of a key once, however completing and looking for what is due overlap",
    async run({ store }) {
      for (let turns = 0; turns < 10; turns += 1) {
        const [first, second] = keyed(2) as [Park, Park];
        await store.park([first, second]);
        const request = { subscription: BILLING, lane: "retry", now: NOW, limit: 100 } as const;
        await store.leaseDue(request);
        const completing = store.complete([first.id], NOW);
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        const [next, { rows }] = await Promise.all([completing, store.leaseDue(request)]);
        assert.deepEqual(idsOf([...next, ...rows]), [second.id]);
        await store.complete([second.id], NOW);
      }
    },
  },
  {
    name: "keeps rows of other keys, of other subscriptions and of none apart",
    async run({ store }) {
      const rows = [
        parkOf(BILLING, { key: KEY }),
        parkOf(BILLING, { key: "order-8" }),
        parkOf(BILLING),
        parkOf(BILLING),
      ];
      await store.park([parkOf(OTHER, { key: KEY }), ...rows]);
      assert.deepEqual((await due(store)).sort(), idsOf(rows).sort());
    },
  },
  {
    name: "counts the rows that hold each key",
    async run({ store }) {
      await store.park([
        ...keyed(3),
        parkOf(BILLING, { key: "order-8" }),
        parkOf(BILLING),
        parkOf(OTHER, { key: "x" }),
      ]);
      const expected = new Map([
        [KEY, 3],
        ["order-8", 1],
      ]);
      assert.deepEqual(await store.heldKeys(BILLING), expected);
    },
  },
  {
    name: "gives a row its place behind its key when it is rescheduled with one",
    async run({ store }) {
      const [head, late] = [parkOf(BILLING, { key: KEY, dueAt: DUE }), parkOf(BILLING, { dueAt: DUE })] as const;
      await store.park([head, late]);
      await store.reschedule([{ ...rescheduleOf(late, 0, DUE), key: KEY, attempt: undefined }]);
      assert.deepEqual(await due(store), [head.id]);
      await complete(store, head.id);
      assert.deepEqual(await due(store), [late.id]);
    },
  },
];

const dying: readonly StoreCase[] = [
  {
    name: "goes on with a key after a dead letter that does not block it",
    async run({ store }) {
      const [first, second] = keyed(2) as [Park, Park];
      await store.park([first, second]);
      await store.deadLetter([deadAfter(first)]);
      assert.deepEqual(await due(store), [second.id]);
      assert.deepEqual(await store.heldKeys(BILLING), new Map([[KEY, 1]]));
    },
  },
  {
    name: "holds a key behind a dead letter that blocks it, until that is redriven and done",
    async run({ store }) {
      const [first, second] = keyed(2) as [Park, Park];
      await store.park([first, second]);
      await store.deadLetter([deadAfter(first, { blocks: true })]);
      assert.deepEqual(await due(store), []);
      const moved = await store.redrive(BILLING, { ids: [first.id] }, NOW, 10);
      assert.deepEqual(moved, [{ id: first.id, key: KEY, blocked: true }]);
      assert.deepEqual(await store.heldKeys(BILLING), new Map([[KEY, 2]]));
      assert.deepEqual(await due(store), [first.id]);
      await complete(store, first.id);
      assert.deepEqual(await due(store), [second.id]);
    },
  },
  {
    name: "goes on with a key when the dead letter that blocks it is discarded",
    async run({ store }) {
      const [first, second] = keyed(2) as [Park, Park];
      await store.park([first, second]);
      await store.deadLetter([deadAfter(first, { blocks: true })]);
      const moved = await store.discard(BILLING, { ids: [first.id] }, NOW, 10);
      assert.deepEqual(moved, [{ id: first.id, key: KEY, blocked: true }]);
      assert.deepEqual(await due(store), [second.id]);
    },
  },
  {
    name: "goes on with all keys of a subscription once its dead letters block them no more",
    async run({ store }) {
      const [first, second] = keyed(2) as [Park, Park];
      const elsewhere = deadOf(OTHER, { key: KEY, blocks: true });
      await store.park([first, second]);
      await store.deadLetter([
        deadAfter(first, { blocks: true }),
        deadOf(BILLING, { key: "x", blocks: true }),
        elsewhere,
      ]);
      assert.equal((await store.counts(BILLING)).blocking, 2);
      await store.unblock(BILLING, NOW);
      const { blocking, deadLetters, retryDueAt } = await store.counts(BILLING);
      assert.deepEqual([blocking, deadLetters, retryDueAt], [0, 2, NOW]);
      assert.deepEqual(await store.heldKeys(BILLING), new Map([[KEY, 1]]));
      assert.deepEqual(await due(store), [second.id]);
      assert.equal((await store.counts(OTHER)).blocking, 1);
    },
  },
  {
    name: "parks behind a dead letter that blocks the key from the start",
    async run({ store }) {
      const dead = deadOf(BILLING, { key: KEY, blocks: true });
      await store.deadLetter([dead]);
      const [later] = keyed(1) as [Park];
      await store.park([later]);
      assert.deepEqual(await due(store), []);
      await store.redrive(BILLING, { ids: [dead.id] }, NOW, 10);
      await complete(store, dead.id);
      assert.deepEqual(await due(store), [later.id]);
    },
  },
  {
    name: "redrives a dead letter into the place that it had among the rows of its key",
    async run({ store }) {
      const [first, second, third] = keyed(3) as [Park, Park, Park];
      await store.park([first, second, third]);
      await store.deadLetter([deadAfter(first)]);
      assert.deepEqual(await store.redrive(BILLING, { ids: [first.id] }, NOW, 10), [
        { id: first.id, key: KEY, blocked: false },
      ]);
      assert.deepEqual(await due(store), [second.id]);
      await complete(store, second.id);
      assert.deepEqual(await due(store), [first.id]);
    },
  },
];

const marking: readonly StoreCase[] = [
  {
    name: "keeps a row that is parked as leased from others until its lease ends",
    async run({ store }) {
      const [running, next] = keyed(2) as [Park, Park];
      const looking = store.leaseDue({ subscription: BILLING, lane: "retry", now: NOW, limit: 10 });
      await store.park([{ ...running, leased: true }, next]);
      await looking;
      assert.deepEqual(await due(store), []);
      await store.reschedule([rescheduleOf(running, 1, DUE)]);
      assert.deepEqual(await due(store), [running.id]);
    },
  },
  {
    name: "hands a row that was parked as leased to nobody while it is completed",
    async run({ store }) {
      // The two calls travel together, in whatever order; a few turns between them make it this one or that.
      for (let turns = 0; turns < 10; turns += 1) {
        const row = parkOf(BILLING, { leased: true, dueAt: DUE });
        await store.park([row]);
        const leasing = store.leaseDue({ subscription: BILLING, lane: "retry", now: NOW, limit: 100 });
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        const [{ rows }] = await Promise.all([leasing, store.complete([row.id], NOW)]);
        assert.deepEqual(idsOf(rows), []);
      }
    },
  },
  {
    name: "leases a row like any other whose parking as leased failed before",
    async run({ store }) {
      const [row] = keyed(1) as [Park];
      const bad = parkOf(BILLING, { position: undefined as unknown as string });
      await assert.rejects(store.park([{ ...row, leased: true }, bad]), { name: "PulsebusError" });
      await store.park([row]);
      assert.deepEqual(await due(store), [row.id]);
    },
  },
  {
    name: "has a row that was parked as leased due again after a restart",
    async run(subject) {
      const [running] = keyed(1) as [Park];
      await subject.store.park([{ ...running, leased: true }]);
      assert.deepEqual(await due(await subject.reopen()), [running.id]);
    },
  },
  {
    name: "counts scheduled rows apart until they are rescheduled",
    async run({ store }) {
      const scheduled = parkOf(BILLING, { scheduled: true, attempts: 0, attempt: undefined });
      await store.park([scheduled, parkOf(BILLING)]);
      const before = await store.counts(BILLING);
      assert.deepEqual([before.parked, before.scheduled], [1, 1]);
      assert.equal((await store.get(BILLING, scheduled.id))?.scheduled, true);
      await store.reschedule([rescheduleOf(scheduled, 1, DUE)]);
      const after = await store.counts(BILLING);
      assert.deepEqual([after.parked, after.scheduled], [2, 0]);
    },
  },
  {
    name: "counts an unclean stop on the rows that were being attempted, once",
    async run({ store }) {
      const [open, calm] = [parkOf(BILLING, { uncleanStops: 1 }), parkOf(BILLING)] as const;
      await store.park([open, calm]);
      await store.attempting([open.id, "unknown"]);
      await store.countUncleanStop(BILLING);
      await store.countUncleanStop(BILLING);
      assert.equal((await store.get(BILLING, open.id))?.uncleanStops, 2);
      assert.equal((await store.get(BILLING, calm.id))?.uncleanStops, 0);
    },
  },
  {
    name: "counts no unclean stop on a row whose attempt was written",
    async run({ store }) {
      const row = parkOf(BILLING);
      await store.park([row]);
      await store.attempting([row.id]);
      await store.reschedule([rescheduleOf(row, 2, DUE)]);
      await store.countUncleanStop(BILLING);
      assert.equal((await store.get(BILLING, row.id))?.uncleanStops, 0);
    },
  },
  {
    name: "forgets unclean stops when an attempt has come to an end, and not when a row changes its place",
    async run({ store }) {
      const [answered, moved] = [parkOf(BILLING, { uncleanStops: 2 }), parkOf(BILLING, { uncleanStops: 2 })] as const;
      await store.park([answered, moved]);
      await store.reschedule([rescheduleOf(answered, 2, DUE)]);
      await store.reschedule([{ ...rescheduleOf(moved, 2, DUE), attempt: undefined }]);
      assert.equal((await store.get(BILLING, answered.id))?.uncleanStops, 0);
      assert.equal((await store.get(BILLING, moved.id))?.uncleanStops, 2);
    },
  },
];

export const keyCases: readonly StoreCase[] = [...waiting, ...dying, ...marking];
