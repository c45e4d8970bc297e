/**
 * One consumer's hold on one group, from its first `receive` to its end.
 *
 * claiming: the row of the group is being marked `in_use`; nothing is handed out before that is durable, so that after
 *   a crash everything that may have been handed out is known. It is repeated until it succeeds.
 * recovering: what an earlier session was handed and did not settle is read from the log, one by one, and goes out
 *   before anything new.
 * feeding: released items first, then what the feed has.
 */
import { LOG_PAGE_EVENTS_MAX, LOG_RETRY_MS } from "../../src/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Database } from "../../src/sqlite/database.ts";
import type { Item, Matcher, TransportError } from "../../src/transport/port.ts";
import { toTransportError } from "./faults.ts";
import { Feed } from "./feed.ts";
import { Fifo } from "./fifo.ts";
import type { Group } from "./group.ts";
import { LogItem } from "./item.ts";
import { type LogEntry, PageReader } from "./log.ts";
import type { Progress } from "./progress.ts";
import type { LogPage, ReadEvents } from "./sql/reads.ts";
import type { Topic } from "./topic.ts";

export interface SessionOptions {
  readonly topic: Topic;
  readonly group: Group;
  readonly matcher: Matcher;
  readonly database: Database;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Called when `take` may have something to give that it had not before. */
  readonly wake: () => void;
}

export class Session {
  readonly topic: Topic;
  readonly group: Group;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #progress: Progress;
  readonly #wake: () => void;
  readonly #feed: Feed;

  #isClaimed = false;
  /** Open events that have to be read again, ascending. */
  readonly #toRecover: number[];
  /** Waits to be handed out again. */
  readonly #again = new Fifo<LogEntry>();
  #isWaiting = false;
  #isEnded = false;
  #cancelRetry: () => void = () => {};
  #fault: TransportError | undefined;

  constructor(options: SessionOptions) {
    this.topic = options.topic;
    this.group = options.group;
    this.#database = options.database;
    this.#clock = options.clock;
    this.#progress = options.progress;
    this.#wake = options.wake;
    this.#feed = new Feed(options);
    this.#toRecover = [...options.group.open.keys()].sort((a, b) => a - b);
    options.group.attach(this.#feed);
  }

  get fault(): TransportError | undefined {
    return this.#fault ?? this.#feed.fault;
  }

  /** Up to `max` items, or none when none is at hand: then `wake` is called once that may have changed. Never waits. */
  take(max: number): readonly Item[] {
    const items: LogItem[] = [];
    if (!this.#isClaimed) {
      this.#claim();
      return items;
    }
    while (items.length < max) {
      const again = this.#again.shift();
      if (again === undefined) break;
      items.push(this.#lease(again, true));
    }
    if (this.#toRecover.length > 0) {
      this.#recover();
      return items;
    }
    const { redeliveredBelow } = this.group;
    while (items.length < max) {
      const entry = this.#feed.take();
      if (entry === undefined) break;
      items.push(this.#lease(entry, entry.number < redeliveredBelow));
    }
    return items;
  }

  /** False when the lease is not this item's any more. */
  settle(item: Item, how: "ack" | "release"): boolean {
    if (!(item instanceof LogItem)) return false;
    const { number } = item.entry;
    if (this.group.open.get(number) !== item) return false;
    if (how === "ack") {
      this.group.open.delete(number);
      this.#progress.mark(this.group);
    } else {
      this.group.open.set(number, undefined);
      this.#again.push(item.entry);
      this.#wake();
    }
    return true;
  }

  /** Nobody receives: gives back the memory of what was not handed out. */
  rest(): void {
    this.#feed.rest();
  }

  /** Hands everything back to the group. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelRetry();
    this.#feed.close();
    this.group.detach();
    this.group.inUse = false;
    this.#progress.mark(this.group);
  }

  #lease(entry: LogEntry, redelivered: boolean): LogItem {
    const item = new LogItem(this.topic.id, entry, redelivered);
    this.group.open.set(entry.number, item);
    return item;
  }

  #claim(): void {
    this.#once(async () => {
      await this.#database.write("embedded.claim", () => ({ payload: this.group.id }));
      this.group.inUse = !this.#isEnded;
      this.#isClaimed = true;
    });
  }

  #recover(): void {
    this.#once(async () => {
      const numbers = this.#toRecover.slice(0, LOG_PAGE_EVENTS_MAX);
      const request: ReadEvents = { topic: this.topic.id, numbers };
      const page = new PageReader(await this.#database.read<LogPage>("embedded.events", request));
      if (this.#isEnded) return;
      this.#toRecover.splice(0, numbers.length);
      const found = new Set<number>();
      for (let entry = page.next(); entry !== undefined; entry = page.next()) {
        found.add(entry.number);
        if (this.group.open.has(entry.number)) this.#again.push(entry);
      }
      for (const number of numbers) if (!found.has(number)) this.group.drop(number);
    });
  }

  /** One step at a time; a failing one is tried again after a pause. */
  #once(step: () => Promise<void>): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    step().then(
      () => {
        this.#fault = undefined;
        this.#goOn();
      },
      (error: unknown) => {
        this.#fault = toTransportError(error);
        if (!this.#isEnded) this.#cancelRetry = this.#clock.timer(LOG_RETRY_MS, () => this.#goOn());
      },
    );
  }

  #goOn(): void {
    this.#isWaiting = false;
    this.#wake();
  }
}
