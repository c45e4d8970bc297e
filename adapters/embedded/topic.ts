/** One topic of the log, as the main thread knows it: where it begins and ends, who reads it, and what is new. */
import { DECODED_EVENT_BYTES } from "../../src/limits.ts";
import type { TopicSettings } from "../../src/transport/port.ts";
import { Appender, type AppenderOptions, type AppendTarget } from "./appender.ts";
import type { Batch } from "./batch.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Group } from "./group.ts";
import type { LogEntry } from "./log.ts";
import type { Appended } from "./sql/append.ts";
import type { Remembered } from "./sql/identities.ts";
import type { CutResult } from "./sql/retention.ts";
import type { TopicRow } from "./sql/topics.ts";
import { Tail, type TailBudget } from "./tail.ts";

export interface TopicOptions extends AppenderOptions {
  readonly tailBudget: TailBudget;
  /** Called when the topic has grown over its bytes. */
  readonly onTooLarge: (topic: Topic) => void;
}

export class Topic implements AppendTarget {
  /** Its generation. */
  readonly id: number;
  readonly address: string;
  readonly groups = new Map<string, Group>();
  readonly dispatcher = new Dispatcher();
  readonly tail: Tail;
  readonly appender: Appender;
  readonly #onTooLarge: (topic: Topic) => void;
  settings: TopicSettings;
  /** The oldest event that is kept; equal to `next` when there is none. */
  first: number;
  /** The number of the event to come: everything below was committed and dispatched. */
  next: number;
  bytes: number;
  oldestAt: number | undefined;
  newestAt: number | undefined;
  /** The oldest event that `dedupe` recognizes. */
  remembered: Remembered | undefined;
  /** Healthy groups hold more than `maxBytes`, and the topic is to refuse new events then. */
  isFull = false;
  isDeleted = false;

  constructor(row: TopicRow, options: TopicOptions) {
    this.id = row.id;
    this.address = row.address;
    this.settings = row.settings;
    this.first = row.first;
    this.next = row.next;
    this.bytes = row.bytes;
    this.oldestAt = row.oldestAt;
    this.newestAt = row.newestAt;
    this.remembered = row.remembered;
    this.tail = new Tail(options.tailBudget);
    this.appender = new Appender(this, options);
    this.#onTooLarge = options.onTooLarge;
  }

  get isTooLarge(): boolean {
    return this.bytes > this.settings.retention.maxBytes;
  }

  get dedupeWindowMs(): number | undefined {
    return this.settings.dedupe?.windowMs;
  }

  /** HOT PATH. A commit is through: its events are new to everybody from here on. */
  committed(batch: Batch, { first, topicBytes }: Appended): void {
    if (this.isDeleted) return;
    if (first !== this.next) this.#lostTrack();
    this.bytes = topicBytes;
    this.next = first + batch.events.length;
    if (batch.events.length === 0) return; // all of them were duplicates
    this.oldestAt ??= batch.storedAt;
    this.newestAt = batch.storedAt;
    if (batch.dedupeSince !== undefined) this.remembered ??= { first, storedAt: batch.storedAt };
    this.#dispatch(batch, first);
    if (this.isTooLarge) this.#onTooLarge(this);
  }

  /** Retention has removed blocks. */
  cut({ first, bytes, oldestAt }: CutResult): void {
    this.bytes = bytes;
    this.oldestAt = oldestAt;
    if (first <= this.first) return;
    this.first = first;
    for (const group of this.groups.values()) group.skipTo(first);
  }

  #dispatch(batch: Batch, first: number): void {
    const { dispatcher, tail } = this;
    if (dispatcher.isIdle && !tail.isWanted) return;
    for (const [index, event] of batch.events.entries()) {
      const bytes = (batch.sizes[index] ?? 0) + DECODED_EVENT_BYTES;
      const entry: LogEntry = { number: first + index, event, storedAt: batch.storedAt, bytes };
      dispatcher.dispatch(event, entry);
      if (tail.isWanted) tail.push(entry); // after dispatching: whom this event left behind reads it here
    }
  }

  /**
   * A commit that was answered with an I/O error turns out to be in the file. Its events were not dispatched, so every
   * group that kept up reads them from the log.
   */
  #lostTrack(): void {
    for (const listener of [...this.dispatcher.listeners]) listener.fallBehindAt(this.next);
    this.tail.clear();
  }
}
