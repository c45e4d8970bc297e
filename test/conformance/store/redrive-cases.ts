import assert from "node:assert/strict";
import type { DeadSelection } from "../../../src/store/port.ts";
import {
  attemptOf,
  BILLING,
  deadAfter,
  deadOf,
  idsOf,
  malformed,
  NOW,
  OTHER,
  parkOf,
  rescheduleOf,
  times,
} from "./samples.ts";
import type { StoreCase } from "./subject.ts";

const ALL: DeadSelection = { filter: {}, diedBefore: 10_000 };

const redriving: readonly StoreCase[] = [
  {
    name: "redrives a dead letter: parked, due now, its attempts from zero, its history kept",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const dead = deadAfter(park, { attempts: 2, attempt: attemptOf(2), forwardDueAt: 100 });
      await store.deadLetter([dead]);
      await store.forwarded(park.id, { forwardedAt: 150 });
      assert.deepEqual(idsOf(await store.redrive(BILLING, { ids: [park.id] }, 7_000, 10)), [park.id]);
      const row = await store.get(BILLING, park.id);
      assert.deepEqual([row?.state, row?.dueAt, row?.attempts, row?.firstAttemptAt], ["parked", 7_000, 0, undefined]);
      assert.deepEqual(
        [row?.reason, row?.detail, row?.diedAt, row?.forwardedAt],
        [undefined, undefined, undefined, undefined],
      );
      assert.deepEqual(row?.history, [park.attempt, dead.attempt]);
      assert.deepEqual(row?.event, park.event);
    },
  },
  {
    name: "goes on with the history of what was redriven",
    async run({ store }) {
      const dead = deadOf(BILLING);
      await store.deadLetter([dead]);
      await store.redrive(BILLING, { ids: [dead.id] }, 7_000, 10);
      const again = { ...attemptOf(1), startedAt: 8_000 };
      await store.reschedule([{ ...rescheduleOf(parkOf(BILLING), 1, 9_000), id: dead.id, attempt: again }]);
      assert.deepEqual((await store.get(BILLING, dead.id))?.history, [dead.attempt, again]);
    },
  },
  {
    name: "redrives only the dead, of that subscription, that are no malformed messages",
    async run({ store }) {
      const [parked, other, broken] = [parkOf(BILLING), deadOf(OTHER), deadOf(BILLING, { event: malformed })] as const;
      await Promise.all([store.park([parked]), store.deadLetter([other, broken])]);
      const ids = ["unknown", parked.id, other.id, broken.id];
      assert.deepEqual(await store.redrive(BILLING, { ids }, 7_000, 10), []);
      assert.deepEqual(await store.redrive(BILLING, ALL, 7_000, 10), []);
      assert.equal((await store.get(BILLING, parked.id))?.dueAt, parked.dueAt);
      assert.equal((await store.get(OTHER, other.id))?.state, "dead");
      assert.equal((await store.get(BILLING, broken.id))?.state, "dead");
    },
  },
  {
    name: "redrives in chunks until nothing is left",
    async run({ store }) {
      const dead = times(25, () => deadOf(BILLING));
      await store.deadLetter(dead);
      const redriven: string[] = [];
      for (;;) {
        const chunk = await store.redrive(BILLING, ALL, 7_000, 10);
        if (chunk.length === 0) break;
        assert(chunk.length <= 10);
        redriven.push(...idsOf(chunk));
      }
      assert.deepEqual(redriven.sort(), idsOf(dead).sort());
      assert.equal((await store.counts(BILLING)).parked, 25);
    },
  },
  {
    name: "redrives each dead letter once for calls made at the same time",
    async run({ store }) {
      const dead = times(40, () => deadOf(BILLING));
      await store.deadLetter(dead);
      const chunks = await Promise.all(times(4, () => store.redrive(BILLING, ALL, 7_000, 10)));
      assert.deepEqual(idsOf(chunks.flat()).sort(), idsOf(dead).sort());
    },
  },
  {
    name: "leaves to the next job what died after this one began",
    async run({ store }) {
      const [before, after] = [deadOf(BILLING, { diedAt: 999 }), deadOf(BILLING, { diedAt: 1_000 })] as const;
      await store.deadLetter([before, after]);
      assert.deepEqual(idsOf(await store.redrive(BILLING, { filter: {}, diedBefore: 1_000 }, 7_000, 10)), [before.id]);
    },
  },
];

const discarding: readonly StoreCase[] = [
  {
    name: "discards dead letters for good, malformed ones too, and nothing that is parked",
    async run({ store }) {
      const dead = [deadOf(BILLING), deadOf(BILLING, { event: malformed })];
      const [parked, other] = [parkOf(BILLING), deadOf(OTHER)] as const;
      await Promise.all([store.park([parked]), store.deadLetter([...dead, other])]);
      const ids = [...idsOf(dead), parked.id, other.id, "unknown"];
      assert.deepEqual(idsOf(await store.discard(BILLING, { ids }, NOW, 10)), idsOf(dead));
      for (const { id } of dead) assert.equal(await store.get(BILLING, id), undefined);
      assert.notEqual(await store.get(BILLING, parked.id), undefined);
      assert.notEqual(await store.get(OTHER, other.id), undefined);
    },
  },
  {
    name: "discards by filter in chunks, older ones than the job only",
    async run({ store }) {
      const dead = times(5, (index) => deadOf(BILLING, { diedAt: index }));
      await store.deadLetter(dead);
      const selection: DeadSelection = { filter: { since: 1 }, diedBefore: 4 };
      const first = await store.discard(BILLING, selection, NOW, 2);
      const second = await store.discard(BILLING, selection, NOW, 2);
      assert.deepEqual(await store.discard(BILLING, selection, NOW, 2), []);
      assert.deepEqual(idsOf([...first, ...second]).sort(), idsOf(dead.slice(1, 4)).sort());
      assert.equal(await store.countDead(BILLING, {}), 2);
    },
  },
];

export const redriveCases: readonly StoreCase[] = [...redriving, ...discarding];
