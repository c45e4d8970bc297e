import assert from "node:assert/strict";
import { ATTEMPT_HISTORY_MAX } from "../../../src/limits.ts";
import type { Park, Store } from "../../../src/store/port.ts";
import {
  attemptOf,
  BILLING,
  deadAfter,
  deadOf,
  eventOf,
  malformed,
  NOW,
  OTHER,
  parkOf,
  rescheduleOf,
  times,
} from "./samples.ts";
import type { StoreCase } from "./subject.ts";

async function rowOf(store: Store, { id }: { readonly id: string }) {
  const row = await store.get(BILLING, id);
  assert(row !== undefined, "the row is there");
  return row;
}

const parking: readonly StoreCase[] = [
  {
    name: "shows a parked delivery as it was given",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const { attempt, leased: _, ...parked } = park;
      assert.deepEqual(await rowOf(store, park), {
        ...parked,
        state: "parked",
        reason: undefined,
        detail: undefined,
        diedAt: undefined,
        forwardedAt: undefined,
        lastStatus: 503,
        lastError: "the sink answered 503",
        lastResponse: "busy",
        history: [attempt],
      });
    },
  },
  {
    name: "parks a delivery that had no attempt",
    async run({ store }) {
      const park = parkOf(BILLING, {
        attempts: 0,
        firstAttemptAt: undefined,
        lastAttemptAt: undefined,
        attempt: undefined,
      });
      await store.park([park]);
      const row = await rowOf(store, park);
      assert.deepEqual(
        [row.firstAttemptAt, row.lastAttemptAt, row.lastStatus, row.history],
        [undefined, undefined, undefined, []],
      );
    },
  },
  {
    name: "finds its subscription's rows only",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      assert.equal(await store.get(OTHER, park.id), undefined);
    },
  },
  {
    name: "takes the same park twice without a trace of the second",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const before = await rowOf(store, park);
      await store.park([park]);
      assert.deepEqual(await rowOf(store, park), before);
      assert.equal((await store.counts(BILLING)).parked, 1);
    },
  },
  {
    name: "takes the newer state of a park with the same id",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      await store.park([{ ...park, attempts: 2, lastAttemptAt: 2_000, dueAt: 9_000, attempt: attemptOf(2) }]);
      const row = await rowOf(store, park);
      assert.deepEqual([row.attempts, row.dueAt, row.history.length], [2, 9_000, 2]);
    },
  },
  {
    name: "does not bring back by a park what gave up",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      await store.deadLetter([deadAfter(park)]);
      const before = await rowOf(store, park);
      await store.park([{ ...park, attempts: 9, attempt: attemptOf(9) }]);
      assert.deepEqual(await rowOf(store, park), before);
    },
  },
  {
    name: "changes nothing by a call that fails",
    async run({ store }) {
      const good = parkOf(BILLING);
      const bad = parkOf(BILLING, { position: undefined as unknown as string });
      await assert.rejects(store.park([good, bad]), { name: "PulsebusError" });
      assert.deepEqual(await store.existing([good.id, bad.id]), new Set());
    },
  },
  {
    name: "says which deliveries have a row",
    async run({ store }) {
      const park = parkOf(BILLING);
      const dead = deadOf(BILLING);
      await Promise.all([store.park([park]), store.deadLetter([dead])]);
      assert.deepEqual(await store.existing([park.id, "unknown", dead.id]), new Set([park.id, dead.id]));
    },
  },
];

const structured = Buffer.from(
  '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":1.10, "big":12345678901234567890}}',
);

const events: readonly StoreCase[] = [
  ...(
    [
      ["without data", eventOf()],
      ["with data of no bytes", eventOf({ data: { kind: "binary", bytes: Buffer.alloc(0) } })],
      ["with bytes that are no text", eventOf({ data: { kind: "binary", bytes: Buffer.from([0, 0xff, 0xc3, 0x28]) } })],
      ["with text", eventOf({ data: { kind: "text", bytes: Buffer.from("grün") } })],
      ["with attributes beyond ASCII", eventOf({ source: "/größe/日本", type: "a=b" })],
      [
        "with the document that it came as",
        {
          ...eventOf({ id: "1", source: "/s", type: "t", data: { kind: "json", bytes: structured.subarray(60) } }),
          structured,
        },
      ],
      ["of 1 MiB", eventOf({ data: { kind: "binary", bytes: Buffer.alloc(1024 * 1024, 7) } })],
    ] as const
  ).map(
    ([what, event]): StoreCase => ({
      name: `keeps an event ${what} to the byte`,
      async run({ store }) {
        const park = parkOf(BILLING, { event });
        await store.park([park]);
        assert.deepEqual((await rowOf(store, park)).event, event);
      },
    }),
  ),
  {
    name: "keeps a malformed message with its headers and bytes",
    async run({ store }) {
      const dead = deadOf(BILLING, { event: malformed, reason: "malformed", attempt: undefined });
      await store.deadLetter([dead]);
      assert.deepEqual((await rowOf(store, dead)).event, malformed);
    },
  },
  {
    name: "keeps the events of one call apart",
    async run({ store }) {
      const parks = times(20, (index) =>
        parkOf(BILLING, { event: eventOf({ data: { kind: "binary", bytes: Buffer.alloc(index * 100, index) } }) }),
      );
      await store.park(parks);
      for (const park of parks) assert.deepEqual((await rowOf(store, park)).event, park.event);
    },
  },
];

const attempts: readonly StoreCase[] = [
  {
    name: "reschedules a parked delivery and appends its attempt",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const second = rescheduleOf(park, 2, 9_000);
      await store.reschedule([second]);
      const row = await rowOf(store, park);
      assert.deepEqual([row.attempts, row.lastAttemptAt, row.dueAt], [2, 2_000, 9_000]);
      assert.deepEqual(row.history, [park.attempt, second.attempt]);
      assert.deepEqual(row.event, park.event);
    },
  },
  {
    name: "ignores a reschedule of what has no row, or gave up",
    async run({ store }) {
      const gone = parkOf(BILLING);
      const dead = deadOf(BILLING);
      await store.deadLetter([dead]);
      await store.reschedule([rescheduleOf(gone, 2, 9_000), { ...rescheduleOf(gone, 2, 9_000), id: dead.id }]);
      assert.equal(await store.get(BILLING, gone.id), undefined);
      const row = await rowOf(store, dead);
      assert.deepEqual([row.state, row.dueAt, row.history.length], ["dead", undefined, 1]);
    },
  },
  {
    name: "tells the last answer of the sink, which a cut-off attempt is not",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const refused = attemptOf(2, { status: undefined, error: "connection refused", response: undefined });
      const cutOff = attemptOf(3, { outcome: "interrupted", status: undefined, error: undefined, response: undefined });
      await store.reschedule([{ ...rescheduleOf(park, 2, 9_000), attempt: refused }]);
      await store.reschedule([{ ...rescheduleOf(park, 2, 9_000), attempt: cutOff }]);
      const row = await rowOf(store, park);
      assert.deepEqual([row.lastStatus, row.lastError, row.lastResponse], [undefined, "connection refused", undefined]);
      assert.deepEqual(row.history, [park.attempt, refused, cutOff]);
    },
  },
  {
    name: "keeps an attempt that was cut off, once, as the first one too",
    async run({ store }) {
      const cutOff = attemptOf(1, { outcome: "interrupted", status: undefined, error: undefined, response: undefined });
      const park = parkOf(BILLING, { attempts: 0, attempt: cutOff });
      for (let time = 0; time < 2; time++) {
        await store.park([park]);
        assert.deepEqual((await rowOf(store, park)).history, [cutOff]);
      }
      const second = rescheduleOf(park, 2, 9_000);
      await store.reschedule([second]);
      assert.deepEqual((await rowOf(store, park)).history, [cutOff, second.attempt]);
    },
  },
  {
    name: "keeps the first attempt and the newest ones of a long history",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const last = ATTEMPT_HISTORY_MAX + 20;
      for (let number = 2; number <= last; number++) await store.reschedule([rescheduleOf(park, number, 9_000)]);
      const numbers = (await rowOf(store, park)).history.map(({ number }) => number);
      assert.deepEqual(numbers, [
        1,
        ...times(ATTEMPT_HISTORY_MAX - 1, (index) => last - ATTEMPT_HISTORY_MAX + 2 + index),
      ]);
    },
  },
  {
    name: "forgets what is complete, and ignores ids that it does not know",
    async run({ store }) {
      const [done, open] = [parkOf(BILLING), parkOf(BILLING)] as [Park, Park];
      await store.park([done, open]);
      await store.complete([done.id, "unknown"], NOW);
      await store.complete([done.id], NOW);
      assert.equal(await store.get(BILLING, done.id), undefined);
      assert.equal((await rowOf(store, open)).state, "parked");
    },
  },
  {
    name: "takes a large event again after it was complete",
    async run({ store }) {
      const event = eventOf({ data: { kind: "binary", bytes: Buffer.alloc(100_000, 7) } });
      for (const park of [parkOf(BILLING, { event }), parkOf(BILLING, { event })]) {
        await store.park([park]);
        assert.deepEqual((await rowOf(store, park)).event, event);
        await store.complete([park.id], NOW);
      }
    },
  },
  {
    name: "starts a new history for a delivery that was complete",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      await store.complete([park.id], NOW);
      await store.park([{ ...park, attempt: attemptOf(9) }]);
      assert.deepEqual((await rowOf(store, park)).history, [attemptOf(9)]);
    },
  },
];

const deadLetters: readonly StoreCase[] = [
  {
    name: "keeps event and history of a parked delivery that gives up",
    async run({ store }) {
      const park = parkOf(BILLING);
      await store.park([park]);
      const dead = deadAfter(park, {
        attempts: 2,
        lastAttemptAt: 2_000,
        reason: "exhausted",
        attempt: attemptOf(2),
        forwardDueAt: 3_000,
      });
      await store.deadLetter([dead]);
      assert.deepEqual(await rowOf(store, park), {
        id: park.id,
        subscription: BILLING,
        position: park.position,
        key: undefined,
        scheduled: false,
        uncleanStops: 0,
        attempts: 2,
        firstAttemptAt: 1_000,
        lastAttemptAt: 2_000,
        state: "dead",
        event: park.event,
        dueAt: 3_000,
        reason: "exhausted",
        detail: dead.detail,
        diedAt: 2_000,
        forwardedAt: undefined,
        lastStatus: 503,
        lastError: "the sink answered 503",
        lastResponse: "busy",
        history: [park.attempt, dead.attempt],
      });
    },
  },
  {
    name: "takes a dead letter that had no row, twice without a trace of the second",
    async run({ store }) {
      const dead = deadOf(BILLING);
      await store.deadLetter([dead]);
      const before = await rowOf(store, dead);
      await store.deadLetter([dead]);
      assert.deepEqual(await rowOf(store, dead), before);
      assert.equal((await store.counts(BILLING)).deadLetters, 1);
    },
  },
  {
    name: "ignores a dead letter without an event whose row is gone",
    async run({ store }) {
      await store.deadLetter([deadAfter(parkOf(BILLING))]);
      assert.equal((await store.counts(BILLING)).deadLetters, 0);
    },
  },
  {
    name: "notes that a dead letter was forwarded, or when to try again",
    async run({ store }) {
      const [sent, failed] = [deadOf(BILLING, { forwardDueAt: 100 }), deadOf(BILLING, { forwardDueAt: 100 })] as const;
      await store.deadLetter([sent, failed]);
      await store.forwarded(sent.id, { forwardedAt: 200 });
      await store.forwarded(failed.id, { dueAt: 300 });
      await store.forwarded("unknown", { dueAt: 300 });
      const rows = [await rowOf(store, sent), await rowOf(store, failed)];
      assert.deepEqual(
        rows.map(({ forwardedAt, dueAt }) => [forwardedAt, dueAt]),
        [
          [200, undefined],
          [undefined, 300],
        ],
      );
    },
  },
  {
    name: "deletes all rows of one subscription, however many, and no others",
    async run({ store }) {
      const parks = times(1_200, () => parkOf(BILLING));
      const other = parkOf(OTHER);
      await store.park([...parks, other]);
      await store.deadLetter(parks.slice(0, 300).map((park) => deadAfter(park)));
      await store.deleteDeliveries(BILLING);
      const { parked, deadLetters } = await store.counts(BILLING);
      assert.deepEqual([parked, deadLetters], [0, 0]);
      assert.notEqual(await store.get(OTHER, other.id), undefined);
      await store.deleteDeliveries(BILLING);
    },
  },
];

export const deliveryCases: readonly StoreCase[] = [...parking, ...events, ...attempts, ...deadLetters];
