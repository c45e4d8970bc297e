/**
 * One partition as a group reads it: what was fetched and waits, what was handed out and is open, and what is to be
 * committed. It belongs to one session and is lost with it; items of a lost partition can't be settled any more.
 *
 *   committed ── settled or open ──▶ tracker.next ── in the mailbox ──▶ admitted ── fetched ──▶ fetchFrom
 */
import { OffsetTracker } from "../../src/transport/offset-tracker.ts";
import { type Committed, markOf } from "./groups.ts";
import { larger } from "./larger.ts";
import type { OffsetToCommit } from "./member.ts";
import { formatNote, type Note } from "./note.ts";
import type { PartitionPage, StoredRecord } from "./records.ts";

export class Partition {
  readonly number: number;
  readonly topicId: string;
  /** Something moved since the last commit; `acked` when more than passing did it. */
  moved: "no" | "passed" | "acked" = "no";
  isLost = false;
  /** Below it, an event may have been handed out before. */
  readonly #redeliveredBelow: bigint;
  readonly #began: bigint;
  readonly #tracker: OffsetTracker;
  /** Below it, an earlier session settled all but what is in `#owed`. */
  readonly #high: bigint;
  readonly #owed: Set<bigint>;
  #fetched: readonly StoredRecord[] = [];
  #fetchedAt = 0;
  #fetchFrom: bigint;
  /** Everything below was handed out, passed over, or is in the mailbox. */
  #admitted: bigint;
  #waiting = 0;
  /** What the broker may have for this partition: what it confirmed last, and every attempt since. */
  #marks: Set<string>;

  /** `end` is where the log ended when the session began. */
  constructor(number: number, topicId: string, committed: Committed | undefined, end: bigint) {
    const floor = committed?.offset ?? 0n;
    const note = committed?.note;
    this.number = number;
    this.topicId = topicId;
    this.#began = note?.began ?? floor;
    this.#high = note?.high ?? floor;
    this.#owed = new Set(note?.open);
    this.#redeliveredBelow = note?.state === "clean" ? note.high : end;
    this.#tracker = new OffsetTracker(floor);
    this.#fetchFrom = floor;
    this.#admitted = floor;
    this.#marks = new Set([committed?.mark ?? ""]);
  }

  get fetchFrom(): bigint {
    return this.#fetchFrom;
  }

  /** Whether fetched records wait to be decoded. */
  get hasFetched(): boolean {
    return this.#fetchedAt < this.#fetched.length;
  }

  get hasOpen(): boolean {
    return this.#tracker.openCount > 0;
  }

  /** Whether the group stands where this left it, so that nobody else has read it meanwhile. */
  isAt(committed: Committed | undefined): boolean {
    return this.#marks.has(committed?.mark ?? "");
  }

  addPage({ records, next }: PartitionPage): void {
    this.#fetched = records;
    this.#fetchedAt = 0;
    this.#fetchFrom = next;
    if (records.length === 0) this.#passTo(next);
  }

  peekFetched(): StoredRecord | undefined {
    return this.#fetched[this.#fetchedAt];
  }

  shiftFetched(): void {
    this.#fetchedAt += 1;
    if (this.hasFetched) return;
    this.#fetched = [];
    this.#passTo(this.#fetchFrom); // a batch may end with offsets that have no record
  }

  /** False for what an earlier session settled. */
  isOwed(offset: bigint): boolean {
    return offset >= this.#high || this.#owed.has(offset);
  }

  isRedelivered(offset: bigint): boolean {
    return offset < this.#redeliveredBelow;
  }

  /** The record is in the mailbox. */
  admit(offset: bigint): void {
    this.#admitted = offset + 1n;
    this.#waiting += 1;
  }

  /** Nobody wants the record. */
  pass(offset: bigint): void {
    this.#owed.delete(offset);
    this.#passTo(offset + 1n);
  }

  /** The record leaves the mailbox for the core. False: it was handed out already. */
  handOut(offset: bigint): boolean {
    this.#waiting -= 1;
    this.#owed.delete(offset);
    const isNew = this.#tracker.receive(offset);
    this.#passTo(this.#admitted);
    return isNew;
  }

  ack(offset: bigint): void {
    if (this.#tracker.settle(offset)) this.moved = "acked";
  }

  /** What was fetched and not handed out is forgotten, and fetched again. */
  rewind(): void {
    this.#fetched = [];
    this.#fetchedAt = 0;
    this.#waiting = 0;
    this.#fetchFrom = this.#tracker.next;
    this.#admitted = this.#tracker.next;
  }

  /** The log begins at, or ends at, `offset`: reading goes on there. Answers how many events were lost with the rest. */
  seek(offset: bigint): bigint {
    const lost = offset - this.#tracker.next;
    this.rewind();
    this.#fetchFrom = offset;
    this.#passTo(offset);
    return larger(lost, 0n);
  }

  note(state: Note["state"]): Note {
    const { next } = this.#tracker;
    const high = larger(this.#high, next);
    const open = [...this.#tracker.open, ...[...this.#owed].filter((offset) => offset >= next)];
    return { topicId: this.topicId, state, began: this.#began, high, open };
  }

  /** The first offset that was not handed out in this session. */
  get unreadFrom(): bigint {
    return this.#tracker.next;
  }

  /** How many events below `end` were not handed out yet. */
  backlog(end: bigint): number {
    const { high, open } = this.note("used");
    return open.length - this.#tracker.openCount + Math.max(0, Number(end - high));
  }

  /** What to commit now; `confirm` or `reject` follows. */
  toCommit(state: Note["state"]): OffsetToCommit {
    const offset = this.#tracker.floor;
    const note = formatNote(this.note(state), offset);
    this.moved = "no";
    this.#marks.add(markOf(offset, note));
    return { partition: this.number, offset, note };
  }

  confirm({ offset, note }: OffsetToCommit): void {
    this.#marks = new Set([markOf(offset, note)]);
  }

  /** It is not known whether it was written. */
  reject(): void {
    this.moved = "acked";
  }

  /** A trailing record that nobody wants is passed only once all before it were handed out. */
  #passTo(next: bigint): void {
    this.#admitted = larger(next, this.#admitted);
    if (this.#waiting > 0 || this.#admitted <= this.#tracker.next) return;
    this.#tracker.passTo(this.#admitted);
    if (this.moved === "no") this.moved = "passed";
  }
}
