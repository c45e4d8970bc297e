/**
 * The Store port: delivery state and the durable resources. Every call is one transaction, resolved after its commit;
 * calls made at the same time share one commit. A failing call changes nothing and rejects with `PulsebusError`
 * (`unavailable` or `storage-full`); the caller decides about trying again. No transaction object leaves the store.
 * Calls that write are answered in the order in which they took effect: who is told of a later one was told of those
 * before, so that what others did with a row is not heard of before what led to it.
 *
 * A delivery that is neither delivered nor given up has a row (`parked`); one that gave up keeps it (`dead`). The happy
 * path has none. `park` and `deadLetter` are upserts on the delivery id, so repeating them is harmless: that is what
 * makes "park, then ack" safe without a shared transaction.
 *
 * Rows of one subscription with the same `key` are attempted one after the other. The store keeps that: of the rows
 * that hold a key (the parked ones, and dead letters that `block`) the oldest alone has a due time; the others wait
 * without one. A row is parked without it while another holds its key, and whatever takes the oldest away gives the
 * next its due time in the same transaction. So no crash leaves a key without a row that is due.
 */
import type { Event } from "../event/event.ts";
import type { Malformed, Position } from "../transport/port.ts";

export type DeadLetterReason = "rejected" | "exhausted" | "expired" | "loop" | "malformed" | "poison" | "transform";

/** One attempt as the history keeps it. */
export interface AttemptRecord {
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** `retry`, `reject`, or `interrupted` when a shutdown cut it off (which counts as no attempt). */
  readonly outcome: "retry" | "reject" | "interrupted";
  readonly status: number | undefined;
  /** What went wrong, for people. */
  readonly error: string | undefined;
  /** The first KiB of the sink's answer. */
  readonly response: string | undefined;
}

/** What a row says besides its event. */
export interface DeliveryState {
  /** Hash of subscription and position. */
  readonly id: string;
  readonly subscription: string;
  readonly position: Position;
  /** What orders it: rows of one key are attempted one after the other. Undefined: in no order. */
  readonly key: string | undefined;
  /** Attempts that count against the policy. */
  readonly attempts: number;
  /** Milliseconds since the epoch; undefined before the first attempt. */
  readonly firstAttemptAt: number | undefined;
  readonly lastAttemptAt: number | undefined;
}

interface ParkedDelivery extends DeliveryState {
  readonly event: Event;
  readonly dueAt: number;
}

/** A delivery's first row: written before the received item is acked. `attempt` is appended to the history. */
export interface Park extends ParkedDelivery {
  readonly attempt: AttemptRecord | undefined;
  /** Waits for the time that its event asks for (`deliverytime`), and is counted apart until its first attempt. */
  readonly scheduled: boolean;
  /** The caller is attempting it now: the row is leased to it from the start. */
  readonly leased: boolean;
  /** Unclean stops during which this delivery was open. */
  readonly uncleanStops: number;
}

/** A parked delivery whose attempt failed, or which gets its place behind others of a key it did not have before. */
export interface Reschedule extends DeliveryState {
  readonly dueAt: number;
  readonly attempt: AttemptRecord | undefined;
}

/** A delivery that gives up. `event` is needed when it has no row yet. */
export interface DeadLetter extends DeliveryState {
  readonly reason: DeadLetterReason;
  /** For people: which limit, which answer. */
  readonly detail: string;
  readonly diedAt: number;
  readonly event: Event | Malformed | undefined;
  readonly attempt: AttemptRecord | undefined;
  /** Whether the others of its key wait until it is redriven or discarded. */
  readonly blocks: boolean;
  /** When it is to be sent to the subscription's dead-letter sink; undefined when there is none. */
  readonly forwardDueAt: number | undefined;
}

/** A row as lists and single views show it. */
export interface DeliveryRow extends DeliveryState {
  readonly state: "parked" | "dead";
  readonly event: Event | Malformed;
  /** Parked: next attempt; undefined behind another of its key. Dead: next try to send it to the dead-letter sink. */
  readonly dueAt: number | undefined;
  readonly scheduled: boolean;
  readonly uncleanStops: number;
  readonly reason: DeadLetterReason | undefined;
  readonly detail: string | undefined;
  readonly diedAt: number | undefined;
  readonly forwardedAt: number | undefined;
  readonly lastStatus: number | undefined;
  readonly lastError: string | undefined;
  readonly lastResponse: string | undefined;
}

export interface DeliveryRowWithHistory extends DeliveryRow {
  readonly history: readonly AttemptRecord[];
}

export interface DeliveryFilter {
  readonly reason?: DeadLetterReason;
  readonly type?: string;
  readonly source?: string;
  /** The event's id. */
  readonly eventId?: string;
  /** Died at or after, before; milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; undefined on the last page. */
  readonly next: string | undefined;
}

export interface LeaseRequest {
  readonly subscription: string;
  /** `retry`: parked deliveries. `forward`: dead letters owed to the dead-letter sink. */
  readonly lane: "retry" | "forward";
  readonly now: number;
  readonly limit: number;
}

/** A dead letter that was redriven or discarded. */
export interface MovedDeadLetter {
  readonly id: string;
  readonly key: string | undefined;
  /** Whether it held its key while it was dead. */
  readonly blocked: boolean;
}

export interface Lease {
  /** Due rows, oldest first, leased to this process until they are completed, rescheduled, dead-lettered or released. */
  readonly rows: readonly DeliveryRow[];
  /** When the next row that is not leased falls due; undefined when there is none. */
  readonly nextDueAt: number | undefined;
}

/** Rows of one subscription by state, and when the first of each lane falls due. */
export interface RowCounts {
  /** Without the scheduled ones. */
  readonly parked: number;
  readonly scheduled: number;
  readonly deadLetters: number;
  /** Of the dead letters, those that block their key. */
  readonly blocking: number;
  readonly retryDueAt: number | undefined;
  readonly forwardDueAt: number | undefined;
}

/** A durable resource: its name, what the user said (JSON), and a revision that grows by one with each change. */
export interface ResourceRecord {
  readonly name: string;
  readonly revision: number;
  readonly json: string;
}

/** `bus`: one record that says whose data this is. */
export type ResourceKind = "topic" | "subscription" | "replay" | "bus";

export interface Store {
  resources(kind: ResourceKind): Promise<readonly ResourceRecord[]>;
  putResource(kind: ResourceKind, record: ResourceRecord): Promise<void>;
  deleteResource(kind: ResourceKind, name: string): Promise<void>;
  /** Deletes all rows of a subscription, in chunks; resolves when none is left. */
  deleteDeliveries(subscription: string): Promise<void>;

  park(rows: readonly Park[]): Promise<void>;
  /** An attempt that has ended makes the row's unclean stops forgotten. */
  reschedule(rows: readonly Reschedule[]): Promise<void>;
  /**
   * Delivered at `now`: the rows and their history go. Unknown ids are ignored. Answers the rows that have become due by
   * it, being the next of their keys, leased (`retry`) to the caller; those that a page has no room for are just due.
   */
  complete(ids: readonly string[], now: number): Promise<readonly DeliveryRow[]>;
  deadLetter(rows: readonly DeadLetter[]): Promise<void>;
  /** A dead letter reached its dead-letter sink (`forwardedAt`), or has to be tried again (`dueAt`). */
  forwarded(id: string, result: { readonly forwardedAt: number } | { readonly dueAt: number }): Promise<void>;

  leaseDue(request: LeaseRequest): Promise<Lease>;
  /** Gives rows that are leased in this lane back untouched. */
  release(lane: LeaseRequest["lane"], ids: readonly string[]): void;
  /** Which of these deliveries have a row. */
  existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Marks parked rows as being attempted, until they are rescheduled, dead-lettered or gone. */
  attempting(ids: readonly string[]): Promise<void>;
  /** After an unclean stop: counts it on the rows that were marked as being attempted, and unmarks them. */
  countUncleanStop(subscription: string): Promise<void>;
  /** Dead letters that block their keys do so no more: of each key the next row is due at `now`. */
  unblock(subscription: string, now: number): Promise<void>;
  /** How many rows hold each key. */
  heldKeys(subscription: string): Promise<ReadonlyMap<string, number>>;
  counts(subscription: string): Promise<RowCounts>;

  /** Stable under writes: a row that exists all the while is listed exactly once. Newest first. */
  list(
    subscription: string,
    state: "parked" | "dead",
    filter: DeliveryFilter,
    page: { readonly cursor: string | undefined; readonly limit: number },
  ): Promise<Page<DeliveryRow>>;
  get(subscription: string, id: string): Promise<DeliveryRowWithHistory | undefined>;
  /** Rows of any subscription with this event identity, at most a page. */
  trace(source: string, id: string): Promise<readonly DeliveryRowWithHistory[]>;

  /** How many dead letters match, for the answer to a redrive or discard. */
  countDead(subscription: string, filter: DeliveryFilter): Promise<number>;
  /**
   * Moves up to `limit` matching dead letters back to parked, due at `now` or behind others of their key, their attempts
   * and unclean stops counted from zero, the history kept; answers which. Malformed ones stay. `diedBefore` keeps a job from meeting its own results again.
   */
  redrive(
    subscription: string,
    selection: DeadSelection,
    now: number,
    limit: number,
  ): Promise<readonly MovedDeadLetter[]>;
  /** Deletes up to `limit` matching dead letters for good, at `now`; answers which. */
  discard(
    subscription: string,
    selection: DeadSelection,
    now: number,
    limit: number,
  ): Promise<readonly MovedDeadLetter[]>;

  close(): Promise<void>;
}

export type DeadSelection =
  | { readonly ids: readonly string[] }
  | { readonly filter: DeliveryFilter; readonly diedBefore: number };
