/**
 * A Store in memory: what is durable in `StoreData`, which outlives the process that wrote it, and what a process knows
 * in `MemoryStore`: its leases. The Store conformance suite proves that it does what the SQLite store does.
 *
 * Each call is one change or look at the data, and goes there and back by the `Way`: on it the simulation lets calls
 * overtake each other, fail, and be cut off by a crash.
 */
import { PulsebusError } from "../../../src/errors.ts";
import { PAGE_ROWS_MAX, STORE_PAGE_BYTES_MAX } from "../../../src/limits.ts";
import type {
  DeadLetter,
  DeadSelection,
  DeliveryFilter,
  DeliveryRow,
  DeliveryRowWithHistory,
  DeliveryState,
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
} from "../../../src/store/port.ts";
import { isMalformed } from "../../../src/transport/port.ts";
import * as rows from "./memory-rows.ts";

/** Told of each change of a row, when it is durable; `call` made it. */
export type RowObserver = (call: string, before: DeliveryRow | undefined, after: DeliveryRow | undefined) => void;

/** What a crash leaves. */
export class StoreData {
  readonly #rows = new Map<string, rows.MemoryRow>();
  observer: RowObserver = () => {};
  readonly #resources = new Map<ResourceKind, Map<string, ResourceRecord>>();
  #lastSeq = 0;

  nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  resources(kind: ResourceKind): Map<string, ResourceRecord> {
    const known = this.#resources.get(kind) ?? new Map<string, ResourceRecord>();
    this.#resources.set(kind, known);
    return known;
  }

  get(id: string): rows.MemoryRow | undefined {
    return this.#rows.get(id);
  }

  all(): rows.MemoryRow[] {
    return [...this.#rows.values()];
  }

  put(call: string, row: rows.MemoryRow): void {
    const before = this.#rows.get(row.row.id)?.row;
    this.#rows.set(row.row.id, row);
    this.observer(call, before, row.row);
  }

  delete(call: string, id: string): void {
    const before = this.#rows.get(id)?.row;
    this.#rows.delete(id);
    if (before !== undefined) this.observer(call, before, undefined);
  }

  of(subscription: string, state: DeliveryRow["state"]): rows.MemoryRow[] {
    return this.all().filter(({ row }) => row.subscription === subscription && row.state === state);
  }
}

/** Runs a call on the data and answers what it found; rejects for a call that failed, and then did not run it. */
export type Way = <Answer>(call: string, about: readonly string[], run: () => Answer) => Promise<Answer>;

type Lane = LeaseRequest["lane"];

/** A `leaseDue` under way. Leases that end meanwhile count for its answer, or their rows would be forgotten. */
interface Look {
  readonly subscription: string;
  readonly lane: Lane;
  freedDueAt: number;
}

const STATE = { retry: "parked", forward: "dead" } as const;

export class MemoryStore implements Store {
  readonly #data: StoreData;
  readonly #way: Way;
  readonly #leased: Readonly<Record<Lane, Set<string>>> = { retry: new Set(), forward: new Set() };
  readonly #looks = new Set<Look>();

  constructor(data: StoreData, way: Way) {
    this.#data = data;
    this.#way = way;
  }

  resources(kind: ResourceKind): Promise<readonly ResourceRecord[]> {
    const byName = (a: ResourceRecord, b: ResourceRecord): number => (a.name < b.name ? -1 : 1);
    return this.#way("resources", [kind], () => [...this.#data.resources(kind).values()].sort(byName));
  }

  putResource(kind: ResourceKind, record: ResourceRecord): Promise<void> {
    return this.#way("putResource", [record.name], () => void this.#data.resources(kind).set(record.name, record));
  }

  deleteResource(kind: ResourceKind, name: string): Promise<void> {
    return this.#way("deleteResource", [name], () => void this.#data.resources(kind).delete(name));
  }

  async deleteDeliveries(subscription: string): Promise<void> {
    await this.#way("deleteDeliveries", [subscription], () => {
      const all = (["parked", "dead"] as const).flatMap((state) => this.#data.of(subscription, state));
      for (const { row } of all) this.#data.delete("deleteDeliveries", row.id);
      this.#forget(all.map(({ row }) => row.id));
    });
  }

  async park(parked: readonly Park[]): Promise<void> {
    const leased = idsOf(parked.filter((park) => park.leased));
    for (const id of leased) this.#leased.retry.add(id);
    try {
      await this.#way("park", idsOf(parked), () => this.#park(parked));
    } catch (error) {
      this.#forget(leased);
      throw error;
    }
  }

  #park(parked: readonly Park[]): void {
    checkRows(parked);
    for (const park of parked) {
      const known = this.#data.get(park.id);
      if (known === undefined) {
        const seq = this.#data.nextSeq();
        this.#data.put("park", rows.parkedRow(seq, park, this.#dueAt(park, seq)));
      } else if (known.row.state === "parked") this.#reschedule("park", known, park);
    }
  }

  async reschedule(changes: readonly Reschedule[]): Promise<void> {
    await this.#way("reschedule", idsOf(changes), () => {
      checkRows(changes);
      for (const change of changes) {
        const known = this.#data.get(change.id);
        if (known?.row.state === "parked") this.#reschedule("reschedule", known, change);
      }
      this.#endLeases("retry", idsOf(changes));
    });
  }

  complete(ids: readonly string[], now: number): Promise<readonly DeliveryRow[]> {
    return this.#way("complete", ids, () => {
      const woken = ids.flatMap((id) => this.#remove("complete", id, now) ?? []);
      this.#forget(ids);
      const free = pageOf(woken, woken.length).filter(({ row }) => !this.#leased.retry.has(row.id));
      for (const { row } of free) this.#leased.retry.add(row.id);
      return free.map(({ row }) => row);
    });
  }

  async deadLetter(dead: readonly DeadLetter[]): Promise<void> {
    await this.#way("deadLetter", idsOf(dead), () => {
      checkRows(dead);
      for (const letter of dead) {
        const known = this.#data.get(letter.id);
        const row = rows.deadRow(this.#data.nextSeq(), known, letter);
        if (row !== undefined) this.#data.put("deadLetter", row);
        if (known !== undefined) this.#wakeNext(known.row, letter.diedAt);
      }
      this.#endLeases("retry", idsOf(dead));
    });
  }

  async forwarded(id: string, result: { readonly forwardedAt: number } | { readonly dueAt: number }): Promise<void> {
    await this.#way("forwarded", [id], () => {
      const known = this.#data.get(id);
      if (known?.row.state === "dead") {
        this.#data.put("forwarded", rows.changed(known, { forwardedAt: undefined, dueAt: undefined, ...result }));
      }
      this.#endLeases("forward", [id]);
    });
  }

  async leaseDue({ subscription, lane, now, limit }: LeaseRequest): Promise<Lease> {
    const look: Look = { subscription, lane, freedDueAt: Number.POSITIVE_INFINITY };
    this.#looks.add(look);
    try {
      const lease = await this.#way("leaseDue", [subscription, lane], () => this.#findDue(look, now, limit));
      const nextDueAt = Math.min(lease.nextDueAt ?? Number.POSITIVE_INFINITY, look.freedDueAt);
      return { ...lease, nextDueAt: nextDueAt === Number.POSITIVE_INFINITY ? undefined : nextDueAt };
    } finally {
      this.#looks.delete(look);
    }
  }

  release(lane: Lane, ids: readonly string[]): void {
    this.#endLeases(lane, ids);
  }

  existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#way("existing", ids, () => new Set(ids.filter((id) => this.#data.get(id) !== undefined)));
  }

  attempting(ids: readonly string[]): Promise<void> {
    return this.#way("attempting", ids, () => {
      for (const id of ids) {
        const known = this.#data.get(id);
        if (known?.row.state === "parked") this.#data.put("attempting", { ...known, isAttempting: true });
      }
    });
  }

  countUncleanStop(subscription: string): Promise<void> {
    return this.#way("countUncleanStop", [subscription], () => {
      for (const known of this.#data.of(subscription, "parked")) {
        if (known.isAttempting) this.#data.put("countUncleanStop", rows.uncleanlyStopped(known));
      }
    });
  }

  unblock(subscription: string, now: number): Promise<void> {
    return this.#way("unblock", [subscription], () => {
      const blocking = this.#data.of(subscription, "dead").filter(({ blocks }) => blocks);
      for (const known of blocking) this.#data.put("unblock", { ...known, blocks: false });
      for (const { row } of blocking) this.#wakeNext(row, now);
    });
  }

  heldKeys(subscription: string): Promise<ReadonlyMap<string, number>> {
    return this.#way("heldKeys", [subscription], () => {
      const held = new Map<string, number>();
      for (const known of this.#data.all()) {
        const { key } = known.row;
        if (key !== undefined && rows.holdsKey(known, subscription, key)) held.set(key, (held.get(key) ?? 0) + 1);
      }
      return held;
    });
  }

  counts(subscription: string): Promise<RowCounts> {
    return this.#way("counts", [subscription], () => {
      const [parked, dead] = [this.#data.of(subscription, "parked"), this.#data.of(subscription, "dead")];
      const [retryDueAt, forwardDueAt] = [earliest(parked), earliest(dead)];
      const scheduled = parked.filter(({ row }) => row.scheduled).length;
      const blocking = dead.filter(({ blocks }) => blocks).length;
      const deadLetters = dead.length;
      return { parked: parked.length - scheduled, scheduled, deadLetters, blocking, retryDueAt, forwardDueAt };
    });
  }

  list(
    subscription: string,
    state: "parked" | "dead",
    filter: DeliveryFilter,
    page: { readonly cursor: string | undefined; readonly limit: number },
  ): Promise<Page<DeliveryRow>> {
    return this.#way("list", [subscription], () => {
      const before = page.cursor === undefined ? Number.MAX_SAFE_INTEGER : seqOf(page.cursor);
      const matching = this.#data
        .of(subscription, state)
        .filter((row) => row.seq < before && rows.matchesFilter(row, filter))
        .sort((a, b) => b.seq - a.seq);
      const items = pageOf(matching, Math.min(page.limit, PAGE_ROWS_MAX));
      const next = items.length < matching.length ? items.at(-1)?.seq.toString() : undefined;
      return { items: items.map(({ row }) => row), next };
    });
  }

  get(subscription: string, id: string): Promise<DeliveryRowWithHistory | undefined> {
    return this.#way("get", [id], () => {
      const known = this.#data.get(id);
      return known?.row.subscription === subscription ? rows.withHistory(known) : undefined;
    });
  }

  trace(source: string, id: string): Promise<readonly DeliveryRowWithHistory[]> {
    return this.#way("trace", [source, id], () =>
      this.#data
        .all()
        .filter(({ row: { event } }) => !isMalformed(event) && event.source === source && event.id === id)
        .map(rows.withHistory),
    );
  }

  countDead(subscription: string, filter: DeliveryFilter): Promise<number> {
    return this.#way("countDead", [subscription], () => {
      return this.#data.of(subscription, "dead").filter((row) => rows.matchesFilter(row, filter)).length;
    });
  }

  redrive(
    subscription: string,
    selection: DeadSelection,
    now: number,
    limit: number,
  ): Promise<readonly MovedDeadLetter[]> {
    return this.#way("redrive", [subscription], () => {
      const selected = this.#select(subscription, selection).filter(rows.isRedrivable).slice(0, limit);
      for (const known of selected) {
        this.#data.put("redrive", rows.redriven(known, this.#isKeyActive(known) ? undefined : now));
      }
      return selected.map(movedOf);
    });
  }

  discard(
    subscription: string,
    selection: DeadSelection,
    now: number,
    limit: number,
  ): Promise<readonly MovedDeadLetter[]> {
    return this.#way("discard", [subscription], () => {
      const selected = this.#select(subscription, selection).slice(0, limit);
      for (const { row } of selected) this.#remove("discard", row.id, now);
      this.#forget(selected.map(({ row }) => row.id));
      return selected.map(movedOf);
    });
  }

  async close(): Promise<void> {}

  #findDue({ subscription, lane }: Look, now: number, limit: number): Lease {
    const free = this.#data
      .of(subscription, STATE[lane])
      .filter(({ row }) => row.dueAt !== undefined && !this.#leased[lane].has(row.id))
      .sort((a, b) => dueAtOf(a) - dueAtOf(b) || a.seq - b.seq);
    const due = free.filter((row) => dueAtOf(row) <= now);
    const leased = pageOf(due, limit);
    for (const { row } of leased) this.#leased[lane].add(row.id);
    return { rows: leased.map(({ row }) => row), nextDueAt: free[leased.length]?.row.dueAt };
  }

  #reschedule(call: string, known: rows.MemoryRow, change: Park | Reschedule): void {
    const hadKey = known.row.key === change.key;
    this.#data.put(call, rows.rescheduled(known, change, hadKey ? change.dueAt : this.#dueAt(change, known.seq)));
  }

  /** Answers the row that has become due by it. */
  #remove(call: string, id: string, now: number): rows.MemoryRow | undefined {
    const known = this.#data.get(id);
    this.#data.delete(call, id);
    return known && this.#wakeNext(known.row, now);
  }

  /** When a row may be due that is about to be parked: never while another holds its key. */
  #dueAt(row: Pick<Park, "subscription" | "key" | "dueAt">, seq: number): number | undefined {
    const isHeld = this.#holders(row).some((holder) => holder.seq !== seq);
    return isHeld ? undefined : row.dueAt;
  }

  /** Whether another row of its key is due or blocks; else this is the one that all others of its key wait for. */
  #isKeyActive({ seq, row }: rows.MemoryRow): boolean {
    return this.#holders(row).some((other) => other.seq !== seq && (other.row.dueAt !== undefined || other.blocks));
  }

  /** A row of this key holds it no more: the oldest of the others is due at `now`. */
  #wakeNext(row: Pick<DeliveryState, "subscription" | "key">, now: number): rows.MemoryRow | undefined {
    const [oldest] = this.#holders(row).sort((a, b) => a.seq - b.seq);
    if (oldest?.row.state !== "parked" || oldest.row.dueAt !== undefined) return undefined;
    const woken = rows.changed(oldest, { dueAt: now });
    this.#data.put("wake", woken);
    return woken;
  }

  #holders({ subscription, key }: Pick<DeliveryState, "subscription" | "key">): rows.MemoryRow[] {
    return key === undefined ? [] : this.#data.all().filter((known) => rows.holdsKey(known, subscription, key));
  }

  /** The rows are gone. */
  #forget(ids: readonly string[]): void {
    for (const lane of ["retry", "forward"] as const) this.#endLeases(lane, ids);
  }

  #endLeases(lane: Lane, ids: readonly string[]): void {
    for (const id of ids) {
      const known = this.#data.get(id);
      if (!this.#leased[lane].delete(id) || known?.row.state !== STATE[lane]) continue;
      for (const look of this.#looks) {
        if (look.lane !== lane || look.subscription !== known.row.subscription) continue;
        look.freedDueAt = Math.min(look.freedDueAt, dueAtOf(known));
      }
    }
  }

  #select(subscription: string, selection: DeadSelection): rows.MemoryRow[] {
    const dead = this.#data.of(subscription, "dead");
    if ("ids" in selection) return selection.ids.flatMap((id) => dead.filter(({ row }) => row.id === id));
    const { filter, diedBefore } = selection;
    return dead.filter((row) => (row.row.diedAt ?? 0) < diedBefore && rows.matchesFilter(row, filter));
  }
}

function movedOf({ row: { id, key }, blocks }: rows.MemoryRow): MovedDeadLetter {
  return { id, key, blocked: blocks };
}

function idsOf(states: readonly DeliveryState[]): readonly string[] {
  return states.map(({ id }) => id);
}

/** As the columns of the SQLite store demand. */
function checkRows(states: readonly DeliveryState[]): void {
  for (const { id, subscription, position } of states) {
    if (id === undefined || subscription === undefined || position === undefined) {
      throw new PulsebusError("internal", "a row without id, subscription or position");
    }
  }
}

function dueAtOf({ row }: rows.MemoryRow): number {
  return row.dueAt ?? Number.POSITIVE_INFINITY;
}

function earliest(known: readonly rows.MemoryRow[]): number | undefined {
  const due = Math.min(...known.map(dueAtOf));
  return due === Number.POSITIVE_INFINITY ? undefined : due;
}

/** At least one row, and no more than `limit` or than a page may hold bytes. */
function pageOf(known: readonly rows.MemoryRow[], limit: number): readonly rows.MemoryRow[] {
  let bytes = 0;
  const end = known.findIndex(({ row }) => {
    const isFull = bytes >= STORE_PAGE_BYTES_MAX;
    bytes += rows.eventBytes(row.event);
    return isFull;
  });
  return known.slice(0, end === -1 ? limit : Math.min(limit, end));
}

function seqOf(cursor: string): number {
  const seq = Number(cursor);
  if (Number.isSafeInteger(seq) && seq >= 0) return seq;
  throw new PulsebusError("invalid-request", "The cursor is not one of this list.", { at: "cursor" });
}
