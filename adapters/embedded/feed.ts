/**
 * Where the new events of one consumed group come from.
 *
 * attached: the group has seen every event of the topic. New ones that match are put into its mailbox by the
 *   dispatcher; one that does not match costs nothing. -> behind: an event finds the mailbox full; it is the first one
 *   that is not in it. -> resting: nobody received for a while, and the mailbox holds something.
 * behind: the mailbox is emptied first, then the group reads on from its cursor: from the topic's tail where that has
 *   the event, else from the log in pages, with one page read ahead. -> attached: the cursor has met the topic's next
 *   event. Both happen within one turn of the event loop, as does the dispatching of a commit, so no event falls
 *   between them and none comes twice. -> resting: as above.
 * resting: nothing is held in memory; the cursor says where to go on. -> behind: somebody receives again.
 *
 * A page is read up to the event that was dispatched last: the reader thread may see a commit before this thread does.
 * A number that is missing in the log was removed by retention, and is counted as skipped.
 */
import {
  LOG_PAGE_BYTES_MAX,
  LOG_PAGE_EVENTS_MAX,
  LOG_RETRY_MS,
  MAILBOX_BYTES_MAX,
  MAILBOX_EVENTS_MAX,
} from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Database } from "../../src/sqlite/database.ts";
import { isMalformed, type Matcher, type TransportError } from "../../src/transport/port.ts";
import type { Listener } from "./dispatcher.ts";
import { toTransportError } from "./faults.ts";
import { Fifo } from "./fifo.ts";
import type { Group } from "./group.ts";
import { type LogEntry, PageReader } from "./log.ts";
import type { LogPage, ReadPage } from "./sql/reads.ts";
import type { Topic } from "./topic.ts";

export interface FeedOptions {
  readonly topic: Topic;
  readonly group: Group;
  readonly matcher: Matcher;
  readonly database: Database;
  readonly clock: Clock;
  /** Called when `take` may have something to give that it had not before. */
  readonly wake: () => void;
}

interface Page {
  readonly reader: PageReader;
  /** The number after its last event. */
  readonly end: number;
}

export class Feed implements Listener {
  readonly matcher: Matcher;
  readonly #topic: Topic;
  readonly #group: Group;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #wake: () => void;

  #state: "attached" | "behind" | "resting" = "resting";
  readonly #mailbox = new Fifo<LogEntry>();
  #mailboxBytes = 0;
  /** The first event that was not looked at; means nothing while attached. */
  #cursor: number;
  #page: Page | undefined;
  #pageAhead: Page | undefined;
  /** Tells the answer of a read that is still wanted from one that is not. */
  #reading: symbol | undefined;
  #cancelRetry: (() => void) | undefined;
  fault: TransportError | undefined;

  constructor({ topic, group, matcher, database, clock, wake }: FeedOptions) {
    this.matcher = matcher;
    this.#topic = topic;
    this.#group = group;
    this.#database = database;
    this.#clock = clock;
    this.#wake = wake;
    this.#cursor = group.next;
  }

  /** The first event that was not handed out. */
  get next(): number {
    return this.#mailbox.peek()?.number ?? (this.#state === "attached" ? this.#topic.next : this.#cursor);
  }

  /** The next event that matches, or undefined when none is at hand: then `wake` is called once that may have changed. */
  take(): LogEntry | undefined {
    if (this.#state === "resting") this.#fallBehind(this.#cursor);
    const entry = this.#mailbox.shift();
    if (entry !== undefined) {
      this.#mailboxBytes -= entry.bytes;
      return entry;
    }
    return this.#state === "behind" ? this.#takeBehind() : undefined;
  }

  offer(entry: LogEntry): void {
    const isFull =
      this.#mailbox.length >= MAILBOX_EVENTS_MAX ||
      (this.#mailboxBytes + entry.bytes > MAILBOX_BYTES_MAX && this.#mailbox.length > 0);
    if (isFull) {
      this.fallBehindAt(entry.number);
      return;
    }
    this.#mailbox.push(entry);
    this.#mailboxBytes += entry.bytes;
    if (this.#mailbox.length === 1) this.#wake();
  }

  fallBehindAt(number: number): void {
    this.#topic.dispatcher.detach(this);
    this.#fallBehind(number);
    this.#wake();
  }

  /** Nobody receives: gives its memory back. */
  rest(): void {
    if (this.#state === "resting" || (this.#state === "attached" && this.#mailbox.length === 0)) return;
    this.#stop();
  }

  /** Retention removed everything before `first`. */
  skipTo(first: number): void {
    if (this.#state === "attached" || this.#cursor >= first) return;
    this.#dropPages();
    this.#moveOver(first);
  }

  /** Leaves the topic. `next` stays right. */
  close(): void {
    this.#stop();
  }

  #stop(): void {
    this.#cursor = this.next;
    if (this.#state === "attached") this.#topic.dispatcher.detach(this);
    if (this.#state === "behind") this.#topic.tail.removeReader();
    this.#state = "resting";
    this.#mailbox.clear();
    this.#mailboxBytes = 0;
    this.#dropPages();
  }

  #fallBehind(number: number): void {
    this.#state = "behind";
    this.#cursor = number;
    this.#topic.tail.addReader();
  }

  #attach(): void {
    this.#dropPages();
    this.#state = "attached";
    this.#topic.dispatcher.attach(this);
    this.#topic.tail.removeReader();
  }

  #takeBehind(): LogEntry | undefined {
    for (;;) {
      if (this.#cursor >= this.#topic.next) {
        this.#attach();
        return undefined;
      }
      const entry = this.#topic.tail.get(this.#cursor) ?? this.#page?.reader.next(this.#cursor);
      if (entry === undefined) {
        if (this.#turnPage()) continue;
        return undefined;
      }
      this.#moveOver(entry.number);
      this.#cursor = entry.number + 1;
      if (isMalformed(entry.event) || this.matcher.matches(entry.event)) return entry;
    }
  }

  /** Goes to the page that was read ahead and asks for the one after it. False: there is nothing new to look at. */
  #turnPage(): boolean {
    const finished = this.#page;
    if (finished !== undefined) this.#moveOver(finished.end);
    this.#page = this.#pageAhead;
    this.#pageAhead = undefined;
    this.#readAhead();
    return finished !== undefined || this.#page !== undefined;
  }

  /** Counts what lies between the cursor and `number`: it is not in the log any more. */
  #moveOver(number: number): void {
    if (number <= this.#cursor) return;
    this.#group.skipped += number - this.#cursor;
    this.#cursor = number;
  }

  #readAhead(): void {
    const from = this.#page?.end ?? this.#cursor;
    const until = this.#topic.next;
    if (this.#reading !== undefined || this.#cancelRetry !== undefined || from >= until || this.#topic.tail.has(from)) {
      return;
    }
    const reading = Symbol("reading");
    this.#reading = reading;
    const request: ReadPage = {
      ...{ topic: this.#topic.id, from, until },
      ...{ maxEvents: LOG_PAGE_EVENTS_MAX, maxBytes: LOG_PAGE_BYTES_MAX },
    };
    this.#database.read<LogPage>("embedded.page", request).then(
      (page) => this.#reading === reading && this.#pageRead(page, until),
      (error: unknown) => this.#reading === reading && this.#readFailed(error),
    );
  }

  #pageRead(page: LogPage, until: number): void {
    const last = page.blocks.at(-1);
    const end = last === undefined ? until : last.first + last.count;
    this.#reading = undefined;
    this.fault = undefined;
    this.#pageAhead = { reader: new PageReader(page), end };
    this.#wake();
  }

  #readFailed(error: unknown): void {
    this.#reading = undefined;
    this.fault = toTransportError(error);
    this.#cancelRetry = this.#clock.timer(LOG_RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#wake();
    });
  }

  #dropPages(): void {
    this.#page = undefined;
    this.#pageAhead = undefined;
    this.#reading = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }
}
