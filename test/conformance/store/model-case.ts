/**
 * Random calls on a few deliveries, beside a model of what the port says: after each call both must show the same rows,
 * and every lease must be the same. Calls are made one after the other; what overlapping ones do, the other cases say.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { LeaseRequest, Store } from "../../../src/store/port.ts";
import { attemptOf, BILLING, deadAfter, eventOf, idsOf, NOW, parkOf, rescheduleOf } from "./samples.ts";
import type { StoreCase } from "./subject.ts";

type Lane = LeaseRequest["lane"];

interface ModelRow {
  state: "parked" | "dead";
  dueAt: number | undefined;
  attempts: number;
  readonly history: number[];
}

const LANE_STATE = { retry: "parked", forward: "dead" } as const;

/** What the store should hold. `attempt` numbers the attempts of a run, so that none is like another. */
class Model {
  readonly rows = new Map<string, ModelRow>();
  readonly held: Record<Lane, Set<string>> = { retry: new Set(), forward: new Set() };
  attempt = 0;

  due(lane: Lane, now: number): { readonly ids: string[]; readonly nextDueAt: number | undefined } {
    const free = [...this.rows]
      .filter(([id, row]) => row.state === LANE_STATE[lane] && !this.held[lane].has(id))
      .flatMap(([id, { dueAt }]) => (dueAt === undefined ? [] : [{ id, dueAt }]));
    const later = free.filter(({ dueAt }) => dueAt > now).map(({ dueAt }) => dueAt);
    const ids = free.filter(({ dueAt }) => dueAt <= now).map(({ id }) => id);
    return { ids, nextDueAt: later.length === 0 ? undefined : Math.min(...later) };
  }

  end(id: string, lanes: readonly Lane[]): void {
    for (const lane of lanes) this.held[lane].delete(id);
  }

  remove(id: string): void {
    this.rows.delete(id);
    this.end(id, ["retry", "forward"]);
  }
}

type Call = (store: Store, model: Model, id: string, at: number) => Promise<void>;

const CALLS: Readonly<Record<string, Call>> = {
  async park(store, model, id, at) {
    const number = ++model.attempt;
    await store.park([parkOf(BILLING, { id, dueAt: at, attempts: number, attempt: attemptOf(number) })]);
    const row = model.rows.get(id);
    if (row?.state === "dead") return;
    const history = [...(row?.history ?? []), number];
    model.rows.set(id, { state: "parked", dueAt: at, attempts: number, history });
  },

  async reschedule(store, model, id, at) {
    const number = ++model.attempt;
    await store.reschedule([{ ...rescheduleOf(parkOf(BILLING), number, at), id }]);
    const row = model.rows.get(id);
    model.end(id, ["retry"]);
    if (row?.state !== "parked") return;
    Object.assign(row, { dueAt: at, attempts: number });
    row.history.push(number);
  },

  async complete(store, model, id) {
    await store.complete([id], NOW);
    model.remove(id);
  },

  async deadLetter(store, model, id, at) {
    const number = ++model.attempt;
    const forwardDueAt = at % 2 === 0 ? at : undefined;
    const parts = { id, attempts: number, attempt: attemptOf(number), forwardDueAt, event: eventOf() };
    await store.deadLetter([deadAfter(parkOf(BILLING), parts)]);
    const history = [...(model.rows.get(id)?.history ?? []), number];
    model.rows.set(id, { state: "dead", dueAt: forwardDueAt, attempts: number, history });
    model.end(id, ["retry"]);
  },

  async forwarded(store, model, id, at) {
    const dueAt = at % 2 === 0 ? at : undefined;
    await store.forwarded(id, dueAt === undefined ? { forwardedAt: at } : { dueAt });
    const row = model.rows.get(id);
    model.end(id, ["forward"]);
    if (row?.state === "dead") row.dueAt = dueAt;
  },

  retry: (store, model, _, at) => lease(store, model, "retry", at),
  forward: (store, model, _, at) => lease(store, model, "forward", at),

  async release(store, model, id, at) {
    const lane = at % 2 === 0 ? "retry" : "forward";
    store.release(lane, [id]);
    model.end(id, [lane]);
  },

  async redrive(store, model, id, at) {
    const redriven = await store.redrive(BILLING, { ids: [id] }, at, 1);
    const row = model.rows.get(id);
    assert.deepEqual(idsOf(redriven), row?.state === "dead" ? [id] : []);
    if (row?.state === "dead") Object.assign(row, { state: "parked", dueAt: at, attempts: 0 });
  },

  async discard(store, model, id) {
    const discarded = await store.discard(BILLING, { ids: [id] }, NOW, 1);
    const isDead = model.rows.get(id)?.state === "dead";
    assert.deepEqual(idsOf(discarded), isDead ? [id] : []);
    if (isDead) model.remove(id);
  },
};

async function lease(store: Store, model: Model, lane: Lane, now: number): Promise<void> {
  const { rows, nextDueAt } = await store.leaseDue({ subscription: BILLING, lane, now, limit: 10 });
  const expected = model.due(lane, now);
  assert.deepEqual(rows.map(({ id }) => id).sort(), expected.ids.sort());
  assert.equal(nextDueAt, expected.nextDueAt);
  for (const { id } of rows) model.held[lane].add(id);
}

async function compare(store: Store, model: Model): Promise<void> {
  const seen = new Map<string, ModelRow>();
  for (const id of IDS) {
    const row = await store.get(BILLING, id);
    if (row === undefined) continue;
    const { state, dueAt, attempts, history } = row;
    seen.set(id, { state, dueAt, attempts, history: history.map(({ number }) => number) });
  }
  assert.deepEqual(seen, new Map([...model.rows].sort()));
}

const IDS = ["a", "b", "c"] as const;

const calls = fc.array(
  fc.record({
    call: fc.constantFrom(...Object.keys(CALLS)),
    id: fc.constantFrom(...IDS),
    at: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 30 },
);

export const modelCase: StoreCase = {
  name: "does what the port says, whatever is called in whichever order",
  async run(subject) {
    const property = fc.asyncProperty(calls, async (sequence) => {
      await subject.clean();
      const model = new Model();
      for (const { call, id, at } of sequence) {
        await CALLS[call]?.(subject.store, model, id, at);
        await compare(subject.store, model);
      }
    });
    await fc.assert(property, { numRuns: 60 });
  },
};
