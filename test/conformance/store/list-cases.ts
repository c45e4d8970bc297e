import assert from "node:assert/strict";
import type { DeliveryFilter, DeliveryRow, Store } from "../../../src/store/port.ts";
import { BILLING, deadAfter, deadOf, eventOf, idsOf, malformed, NOW, OTHER, parkOf, times } from "./samples.ts";
import type { StoreCase } from "./subject.ts";

async function pagesOf(
  store: Store,
  state: "parked" | "dead",
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<DeliveryRow[]> {
  const rows: DeliveryRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(BILLING, state, {}, { cursor, limit });
    assert(page.items.length <= limit);
    rows.push(...page.items);
    cursor = page.next;
    await between();
  } while (cursor !== undefined);
  return rows;
}

const paging: readonly StoreCase[] = [
  {
    name: "lists each row once, newest first, by state",
    async run({ store }) {
      const parks = times(25, () => parkOf(BILLING));
      for (const park of parks) await store.park([park]);
      await store.deadLetter(parks.slice(0, 5).map((park) => deadAfter(park)));
      assert.deepEqual(idsOf(await pagesOf(store, "parked", 7)), idsOf(parks.slice(5)).reverse());
      assert.deepEqual(new Set(idsOf(await pagesOf(store, "dead", 7))), new Set(idsOf(parks.slice(0, 5))));
    },
  },
  {
    name: "ends a list with its last row, also when the page is just full",
    async run({ store }) {
      await store.park(times(4, () => parkOf(BILLING)));
      const first = await store.list(BILLING, "parked", {}, { cursor: undefined, limit: 2 });
      assert.notEqual(first.next, undefined);
      const second = await store.list(BILLING, "parked", {}, { cursor: first.next, limit: 2 });
      assert.deepEqual([second.items.length, second.next], [2, undefined]);
    },
  },
  {
    name: "lists a row that stays exactly once while others come and go",
    async run({ store }) {
      const staying = times(30, () => parkOf(BILLING));
      const going = times(30, () => parkOf(BILLING));
      for (const [index, park] of staying.entries()) await store.park([park, going[index] ?? park]);
      const listed = await pagesOf(store, "parked", 4, async () => {
        const gone = going.splice(0, 5);
        await store.complete(idsOf(gone), NOW);
        await store.park([parkOf(BILLING)]);
      });
      for (const { id } of staying) assert.equal(listed.filter((row) => row.id === id).length, 1);
      assert.equal(new Set(idsOf(listed)).size, listed.length);
    },
  },
  {
    name: "lists many large events in several pages rather than in one",
    async run({ store }) {
      const data = { kind: "binary" as const, bytes: Buffer.alloc(1024 * 1024) };
      const parks = times(20, () => parkOf(BILLING, { event: eventOf({ data }) }));
      await store.park(parks);
      const first = await store.list(BILLING, "parked", {}, { cursor: undefined, limit: 100 });
      assert(first.items.length < parks.length);
      assert.deepEqual(new Set(idsOf(await pagesOf(store, "parked", 100))), new Set(idsOf(parks)));
    },
  },
  {
    name: "refuses a cursor that it did not give",
    async run({ store }) {
      const list = store.list(BILLING, "parked", {}, { cursor: "nonsense", limit: 1 });
      await assert.rejects(list, { name: "PulsebusError", code: "invalid-request", at: "cursor" });
    },
  },
];

const dead = {
  early: deadOf(BILLING, { diedAt: 100, reason: "rejected", event: eventOf({ id: "1", source: "/a", type: "x" }) }),
  middle: deadOf(BILLING, { diedAt: 200, reason: "exhausted", event: eventOf({ id: "2", source: "/b", type: "x" }) }),
  late: deadOf(BILLING, { diedAt: 300, reason: "rejected", event: eventOf({ id: "1", source: "/b", type: "y" }) }),
  malformed: deadOf(BILLING, { diedAt: 400, reason: "malformed", event: malformed }),
};
type Dead = keyof typeof dead;

const FILTERS: readonly (readonly [DeliveryFilter, readonly Dead[]])[] = [
  [{}, ["early", "middle", "late", "malformed"]],
  [{ reason: "rejected" }, ["early", "late"]],
  [{ type: "x" }, ["early", "middle"]],
  [{ source: "/b" }, ["middle", "late"]],
  [{ eventId: "1" }, ["early", "late"]],
  [{ since: 200 }, ["middle", "late", "malformed"]],
  [{ until: 200 }, ["early"]],
  [{ since: 200, until: 400, source: "/b", reason: "rejected", type: "y", eventId: "1" }, ["late"]],
  [{ type: "z" }, []],
];

const filters = FILTERS.map(
  ([filter, expected]): StoreCase => ({
    name: `lists, counts and redrives by the filter ${JSON.stringify(filter)}`,
    async run({ store }) {
      await store.deadLetter([...Object.values(dead), deadOf(OTHER)]);
      const ids = expected.map((name) => dead[name].id);
      const { items } = await store.list(BILLING, "dead", filter, { cursor: undefined, limit: 10 });
      assert.deepEqual(new Set(idsOf(items)), new Set(ids));
      assert.equal(await store.countDead(BILLING, filter), ids.length);
      const redriven = await store.redrive(BILLING, { filter, diedBefore: 1_000 }, 5_000, 10);
      assert.deepEqual(new Set(idsOf(redriven)), new Set(ids.filter((id) => id !== dead.malformed.id)));
    },
  }),
);

const views: readonly StoreCase[] = [
  {
    name: "counts a subscription's rows and tells when the first of each lane falls due",
    async run({ store }) {
      const none = { parked: 0, scheduled: 0, deadLetters: 0, blocking: 0 };
      assert.deepEqual(await store.counts(BILLING), { ...none, retryDueAt: undefined, forwardDueAt: undefined });
      await store.park([parkOf(BILLING, { dueAt: 30 }), parkOf(BILLING, { dueAt: 20 }), parkOf(OTHER, { dueAt: 1 })]);
      await store.deadLetter([
        deadOf(BILLING),
        deadOf(BILLING, { forwardDueAt: 50 }),
        deadOf(BILLING, { forwardDueAt: 40 }),
      ]);
      assert.deepEqual(await store.counts(BILLING), {
        parked: 2,
        scheduled: 0,
        deadLetters: 3,
        blocking: 0,
        retryDueAt: 20,
        forwardDueAt: 40,
      });
    },
  },
  {
    name: "traces an event through all subscriptions, with history",
    async run({ store }) {
      const event = eventOf({ id: "1", source: "/a" });
      const parked = parkOf(BILLING, { event });
      const parkedToo = parkOf(OTHER, { event });
      const given = deadOf(OTHER, { event });
      const others = [eventOf({ id: "1", source: "/b" }), eventOf({ id: "2", source: "/a" })];
      await store.park([parked, parkedToo, ...others.map((other) => parkOf(BILLING, { event: other }))]);
      await store.deadLetter([given, deadOf(BILLING, { event: malformed })]);
      const rows = await store.trace("/a", "1");
      const seen = rows.map(({ id, state, history }) => [id, state, history.length]).sort();
      assert.deepEqual(
        seen,
        [
          [parked.id, "parked", 1],
          [parkedToo.id, "parked", 1],
          [given.id, "dead", 1],
        ].sort(),
      );
    },
  },
];

export const listCases: readonly StoreCase[] = [...paging, ...filters, ...views];
