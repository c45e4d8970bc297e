/**
 * The Store on SQLite. Writes are operations of the database's writer thread and share its commits; lists and single
 * views run on its reader thread. Events cross as packed buffers, encoded when their commit is about to be sent.
 */
import { PulsebusError } from "../../errors.ts";
import { PAGE_ROWS_MAX } from "../../limits.ts";
import { sibling } from "../../runtime/sibling.ts";
import type { Database, Sealed } from "../../sqlite/database.ts";
import type {
  AttemptRecord,
  DeadLetter,
  DeadSelection,
  DeliveryFilter,
  DeliveryRow,
  DeliveryRowWithHistory,
  Lease,
  LeaseRequest,
  MovedDeadLetter,
  Page,
  Park,
  Reschedule,
  ResourceKind,
  ResourceRecord,
  RowCounts,
  Store,
} from "../port.ts";
import { EventPacker } from "./event-blob.ts";
import { Leases } from "./leases.ts";
import type {
  CompletePayload,
  DeadIdsPayload,
  DeadPayload,
  DeadRow,
  ForwardedPayload,
  LeaseAnswer,
  LeasePayload,
  ListPayload,
  PackedAttempt,
  ParkedRow,
  RescheduledRow,
  RowsAnswer,
  RowsPayload,
  RowsWithHistoryAnswer,
  UnblockPayload,
} from "./messages.ts";
import { rowsOf, rowsWithHistoryOf } from "./rows.ts";

/** What the database has to be opened with. */
export const storeModule: URL = sibling(import.meta.url, "operations");

/** The store on a database that was opened with `storeModule`. Closing it leaves the database open. */
export function openSqliteStore(database: Database): Promise<Store> {
  return Promise.resolve(new SqliteStore(database));
}

class SqliteStore implements Store {
  readonly #database: Database;
  readonly #leases = new Leases();

  constructor(database: Database) {
    this.#database = database;
  }

  resources(kind: ResourceKind): Promise<readonly ResourceRecord[]> {
    return this.#database.read("store.resources", kind);
  }

  putResource(kind: ResourceKind, record: ResourceRecord): Promise<void> {
    return this.#write("store.putResource", { kind, record });
  }

  deleteResource(kind: ResourceKind, name: string): Promise<void> {
    return this.#write("store.deleteResource", { kind, name });
  }

  async deleteDeliveries(subscription: string): Promise<void> {
    while (await this.#write<boolean>("store.deleteDeliveries", subscription));
    this.#leases.endAll(subscription);
  }

  async park(rows: readonly Park[]): Promise<void> {
    const leased = rows.filter((row) => row.leased);
    for (const { subscription, id } of leased) this.#leases.hold("retry", subscription, id);
    try {
      await this.#database.write("store.park", () => sealParks(rows));
    } catch (error) {
      for (const { id } of leased) this.#leases.forget(id);
      throw error;
    }
  }

  async reschedule(rows: readonly Reschedule[]): Promise<void> {
    const payload = rows.map((row): RescheduledRow => ({ ...row, attempt: row.attempt && packAttempt(row.attempt) }));
    await this.#write("store.reschedule", payload);
    for (const { id, dueAt } of rows) this.#leases.end("retry", id, dueAt);
  }

  async complete(ids: readonly string[], now: number): Promise<readonly DeliveryRow[]> {
    const woken = await this.#write<RowsAnswer | undefined>("store.complete", { ids, now } satisfies CompletePayload);
    for (const id of ids) this.#leases.forget(id);
    if (woken === undefined) return [];
    const leased = this.#leases.take("retry", woken.rows);
    return rowsOf(woken).filter(({ id }) => leased.has(id));
  }

  async deadLetter(rows: readonly DeadLetter[]): Promise<void> {
    await this.#database.write("store.deadLetter", () => sealDeadLetters(rows));
    for (const { id } of rows) this.#leases.end("retry", id, undefined);
  }

  async forwarded(id: string, result: { readonly forwardedAt: number } | { readonly dueAt: number }): Promise<void> {
    const forwardedAt = "forwardedAt" in result ? result.forwardedAt : undefined;
    const dueAt = "dueAt" in result ? result.dueAt : undefined;
    await this.#write("store.forwarded", { id, forwardedAt, dueAt } satisfies ForwardedPayload);
    this.#leases.end("forward", id, dueAt);
  }

  async leaseDue({ subscription, lane, now, limit }: LeaseRequest): Promise<Lease> {
    const state = lane === "retry" ? "parked" : "dead";
    let answer: LeaseAnswer | undefined;
    const { ids, nextDueAt } = await this.#leases.lease({ subscription, lane }, async (held) => {
      answer = await this.#database.write<LeaseAnswer>("store.leaseDue", () => ({
        payload: { subscription, state, now, limit, held: held() } satisfies LeasePayload,
      }));
      return answer;
    });
    return { rows: answer === undefined ? [] : rowsOf(answer).filter(({ id }) => ids.has(id)), nextDueAt };
  }

  release(lane: LeaseRequest["lane"], ids: readonly string[]): void {
    for (const id of ids) this.#leases.release(lane, id);
  }

  async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(await this.#database.read<string[]>("store.existing", ids));
  }

  attempting(ids: readonly string[]): Promise<void> {
    return this.#write("store.attempting", ids);
  }

  countUncleanStop(subscription: string): Promise<void> {
    return this.#write("store.countUncleanStop", subscription);
  }

  unblock(subscription: string, now: number): Promise<void> {
    return this.#write("store.unblock", { subscription, now } satisfies UnblockPayload);
  }

  async heldKeys(subscription: string): Promise<ReadonlyMap<string, number>> {
    return new Map(await this.#database.read<[string, number][]>("store.heldKeys", subscription));
  }

  counts(subscription: string): Promise<RowCounts> {
    return this.#database.read<RowCounts>("store.counts", subscription);
  }

  async list(
    subscription: string,
    state: "parked" | "dead",
    filter: DeliveryFilter,
    page: { readonly cursor: string | undefined; readonly limit: number },
  ): Promise<Page<DeliveryRow>> {
    const before = page.cursor === undefined ? Number.MAX_SAFE_INTEGER : seqOf(page.cursor);
    const limit = Math.min(page.limit, PAGE_ROWS_MAX);
    const payload: ListPayload = { subscription, state, filter, before, limit };
    const answer = await this.#database.read<RowsAnswer>("store.list", payload);
    return { items: rowsOf(answer), next: answer.more ? answer.rows.at(-1)?.seq.toString() : undefined };
  }

  async get(subscription: string, id: string): Promise<DeliveryRowWithHistory | undefined> {
    const answer = await this.#database.read<RowsWithHistoryAnswer>("store.get", { subscription, id });
    return rowsWithHistoryOf(answer)[0];
  }

  async trace(source: string, id: string): Promise<readonly DeliveryRowWithHistory[]> {
    return rowsWithHistoryOf(await this.#database.read<RowsWithHistoryAnswer>("store.trace", { source, id }));
  }

  countDead(subscription: string, filter: DeliveryFilter): Promise<number> {
    return this.#database.read("store.countDead", { subscription, filter });
  }

  redrive(subscription: string, selection: DeadSelection, now: number, limit: number) {
    return this.#changeDead(subscription, selection, { now, limit, malformed: false }, (dead) =>
      this.#write("store.redrive", dead),
    );
  }

  discard(subscription: string, selection: DeadSelection, now: number, limit: number) {
    return this.#changeDead(subscription, selection, { now, limit, malformed: true }, async (dead) => {
      const discarded = await this.#write<readonly MovedDeadLetter[]>("store.discard", dead);
      for (const { id } of discarded) this.#leases.forget(id);
      return discarded;
    });
  }

  /** There is nothing of its own to close: what was called is committed by the database. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #write<Result = void>(operation: string, payload: unknown): Promise<Result> {
    return this.#database.write<Result>(operation, () => ({ payload }));
  }

  /** Selects on the reader thread and changes by id; goes on when others changed all of a selection in between. */
  async #changeDead(
    subscription: string,
    selection: DeadSelection,
    { now, limit, malformed }: { readonly now: number; readonly limit: number; readonly malformed: boolean },
    change: (dead: DeadIdsPayload) => Promise<readonly MovedDeadLetter[]>,
  ): Promise<readonly MovedDeadLetter[]> {
    if ("ids" in selection) {
      const ids = selection.ids.slice(0, limit);
      return change({ subscription, ids, diedBefore: Number.MAX_SAFE_INTEGER, now });
    }
    const { filter, diedBefore } = selection;
    const payload: DeadPayload = { subscription, filter, diedBefore, malformed, limit };
    for (;;) {
      const ids = await this.#database.read<string[]>("store.selectDead", payload);
      if (ids.length === 0) return [];
      const changed = await change({ subscription, ids, diedBefore, now });
      if (changed.length > 0) return changed;
    }
  }
}

function sealParks(parked: readonly Park[]): Sealed {
  const events = new EventPacker();
  const rows = parked.map((row): ParkedRow => {
    return { ...row, event: events.add(row.event), attempt: row.attempt && packAttempt(row.attempt) };
  });
  return sealRows(rows, events.pack());
}

function sealDeadLetters(dead: readonly DeadLetter[]): Sealed {
  const events = new EventPacker();
  const rows = dead.map((row): DeadRow => {
    return { ...row, event: row.event && events.add(row.event), attempt: row.attempt && packAttempt(row.attempt) };
  });
  return sealRows(rows, events.pack());
}

function packAttempt(attempt: AttemptRecord): PackedAttempt {
  return { json: JSON.stringify(attempt), interrupted: attempt.outcome === "interrupted" };
}

function sealRows<Row>(rows: readonly Row[], events: ArrayBuffer): Sealed {
  return { payload: { rows, events } satisfies RowsPayload<Row>, transfer: [events] };
}

function seqOf(cursor: string): number {
  const seq = Number(cursor);
  if (!Number.isSafeInteger(seq) || seq < 0) {
    throw new PulsebusError("invalid-request", "The cursor is not one of this list. Start without a cursor.", {
      at: "cursor",
    });
  }
  return seq;
}
