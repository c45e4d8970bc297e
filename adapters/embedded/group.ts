/**
 * A group's durable position: everything below `next` is settled or did not match, except what is `open`. It is held
 * here, moves with every hand-out and settlement, and is written down by `progress.ts`.
 *
 * While a session consumes the group, `next` is where that reads, and a row in the database says `in_use`: after a
 * crash that row may be older than what was handed out. A row that is not in use is exact.
 */
import type { LogItem } from "./item.ts";
import type { GroupProgress, GroupRow } from "./sql/groups.ts";

/** What reads for the group while it is consumed. */
export interface Reading {
  /** The first event that is unread. */
  readonly next: number;
  /** Retention removed everything before `first`. */
  skipTo(first: number): void;
}

/** See `Transport.holdBack`. */
export type HoldBack = "normal" | "bounded" | "none";

export class Group {
  readonly id: number;
  readonly name: string;
  /** The first event that was the group's to receive. */
  readonly began: number;
  /** Received and not settled: the item that holds the lease, or undefined while it waits to be handed out again. */
  readonly open = new Map<number, LogItem | undefined>();
  holdBack: HoldBack = "normal";
  skipped: number;
  inUse = false;
  isDeleted = false;
  /** What lies below may have been handed out by a process that crashed before it wrote that down. */
  readonly redeliveredBelow: number;
  #reading: Reading | undefined;
  #next: number;
  #flushedNext: number;

  /** `bounds` are those of the topic: what lies before `first` is gone, whatever the row says. */
  constructor(row: GroupRow, bounds: { readonly first: number; readonly next: number }) {
    this.id = row.id;
    this.name = row.name;
    this.began = row.began;
    this.skipped = row.skipped;
    this.#next = row.next;
    this.#flushedNext = row.next;
    this.redeliveredBelow = row.inUse ? bounds.next : 0;
    for (const number of row.open) this.open.set(number, undefined);
    this.skipTo(bounds.first);
  }

  /** The first event that is unread. */
  get next(): number {
    return this.#reading?.next ?? this.#next;
  }

  get isConsumed(): boolean {
    return this.#reading !== undefined;
  }

  /** The oldest event that is unread or open: what retention must not take from a healthy group. */
  get floor(): number {
    let floor = this.next;
    for (const number of this.open.keys()) if (number < floor) floor = number;
    return floor;
  }

  get hasMoved(): boolean {
    return this.next !== this.#flushedNext;
  }

  attach(reading: Reading): void {
    this.#reading = reading;
  }

  /** What was leased waits for the next session. */
  detach(): void {
    this.#next = this.next;
    this.#reading = undefined;
    for (const number of this.open.keys()) this.open.set(number, undefined);
  }

  /** Retention removed everything before `first`. What is in somebody's hands, or in a mailbox, stays deliverable. */
  skipTo(first: number): void {
    for (const [number, lease] of this.open) if (number < first && lease === undefined) this.drop(number);
    if (this.#reading !== undefined) {
      this.#reading.skipTo(first);
    } else if (this.#next < first) {
      this.skipped += first - this.#next;
      this.#next = first;
    }
  }

  /** An open event is gone from the log, so it can't be handed out again. */
  drop(number: number): void {
    if (this.open.delete(number)) this.skipped += 1;
  }

  /** For a group with nothing open, `next` is all that passing over events changes. */
  pass(): number {
    this.#flushedNext = this.next;
    return this.#flushedNext;
  }

  progress(): GroupProgress {
    const { id, next, skipped } = this;
    this.#flushedNext = next;
    return { id, next, open: JSON.stringify([...this.open.keys()]), skipped, inUse: this.inUse ? 1 : 0 };
  }
}
