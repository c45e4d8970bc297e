/**
 * One replay: reads a range of a topic again, page by page, and parks what matches as deliveries of their own, due now.
 * They are delivered like retries, which share the sink with what is new and never take all of it.
 *
 *   running ── all of the range is parked ──▶ done
 *      ├────── somebody cancels it ─────────▶ cancelled
 *      └────── the transport refuses ───────▶ failed
 *
 * After each page that is parked its place is saved, in this order, so a crash repeats a page and loses none; the next
 * start goes on from there. It waits while the subscription is not in service or is owed much already, and until a
 * transport or store that is away comes back: `reason` says for what.
 */
import { replayedRow } from "../delivery/replayed-row.ts";
import type { Event } from "../event/event.ts";
import { compileFilters, type Filter } from "../filter/filter.ts";
import { BACKGROUND_PAUSE_MS_MAX, REPLAY_PAGE_EVENTS, REPLAY_SLICE_MS, REPLAY_WAIT_MS } from "../limits.ts";
import { sleep } from "../runtime/clock.ts";
import type { Park } from "../store/port.ts";
import { type Item, isMalformed, type Position, type Start, type TopicPage } from "../transport/port.ts";
import { isPassing } from "./background.ts";
import type { ReplayRequest, ReplayState, ReplayView } from "./bus.ts";
import type { BusContext } from "./context.ts";
import { isAfter, keepsOrder, type ReplayEnd, type ReplaySource, startOf } from "./replay-range.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";

/** What the store keeps of it. */
export interface ReplayRecord {
  readonly id: string;
  readonly subscription: string;
  readonly request: ReplayRequest;
  readonly end: ReplayEnd;
  readonly state: ReplayState;
  readonly reason: string | undefined;
  readonly scanned: number;
  readonly matched: number;
  readonly next: Position | undefined;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** A part of a page: what is parked together. */
interface Slice {
  readonly matched: readonly StoredEvent[];
  readonly scanned: number;
  readonly rest: readonly Item[];
  /** The range ends in it. */
  readonly isLast: boolean;
}

interface StoredEvent {
  readonly event: Event;
  readonly position: Position;
}

export class Replay {
  readonly #context: BusContext;
  readonly #filter: Filter;
  /** Events that are parked at once. */
  readonly #sliceMax: number;
  #record: ReplayRecord;
  #waitsFor: string | undefined;
  #stopped = new AbortController();
  #finished: Promise<void> = Promise.resolve();
  /** When the next event may be parked, by the monotonic clock. */
  #paceFrom = 0;
  /** Some of what is read next may be parked already. */
  #isRepeated = true;

  constructor(record: ReplayRecord, context: BusContext) {
    const { filters, perSecond } = record.request;
    this.#context = context;
    this.#record = record;
    this.#filter = compileFilters(filters ?? [], "/filters");
    this.#sliceMax = perSecond === undefined ? REPLAY_PAGE_EVENTS : Math.ceil((perSecond * REPLAY_SLICE_MS) / 1_000);
  }

  get record(): ReplayRecord {
    return this.#record;
  }

  get isRunning(): boolean {
    return this.#record.state === "running";
  }

  view(): ReplayView {
    const { end: _, ...shown } = this.#record;
    return { ...shown, reason: shown.reason ?? (this.isRunning ? this.#waitsFor : undefined) };
  }

  /** Writes it down for the first time. */
  save(): Promise<void> {
    return this.#save(this.#record);
  }

  /** Works for this subscription in the background, until it has ended or is stopped. */
  start(entry: SubscriptionEntry): void {
    this.#stopped = new AbortController();
    this.#finished = this.#run(entry, this.#stopped.signal);
  }

  /** Resolves when nothing of it runs; its place is kept. */
  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#finished;
  }

  async cancel(entry: SubscriptionEntry): Promise<void> {
    await this.stop();
    if (!this.isRunning) return;
    try {
      await this.#end("cancelled", this.#record);
    } catch (error) {
      this.start(entry);
      throw error;
    }
  }

  async #run(entry: SubscriptionEntry, signal: AbortSignal): Promise<void> {
    while (this.isRunning && !signal.aborted) {
      try {
        await this.#takePage(entry, signal);
      } catch (error) {
        if (!signal.aborted) await this.#failed(error instanceof Error ? error : new Error(String(error)), signal);
      }
    }
  }

  async #takePage(entry: SubscriptionEntry, signal: AbortSignal): Promise<void> {
    const max = entry.replayRoom;
    if (max === 0) return this.#waitFor(entry, signal);
    const source = entry.replaySource;
    const { next, request } = this.#record;
    const from: Start = next === undefined ? startOf(request.from) : { at: "position", position: next };
    const page = await unlessAborted(source.transport.read(source.address, from, max), signal);
    this.#waitsFor = undefined;
    if (page === undefined) return;
    let rest: readonly Item[] = page.items;
    do {
      const slice = this.#cut(rest, entry, source);
      await this.#pace(signal);
      if (!(await this.#park(slice.matched, entry, signal))) return;
      await this.#advance(slice, page, source);
      rest = slice.rest;
    } while (rest.length > 0 && this.isRunning);
    this.#isRepeated = false;
  }

  /** Malformed messages are passed over: those are dead letters already. */
  #cut(items: readonly Item[], entry: SubscriptionEntry, source: ReplaySource): Slice {
    const { end } = this.#record;
    const matched: StoredEvent[] = [];
    for (const [index, item] of items.entries()) {
      const { event, position } = item;
      const isTooLate = isAfter(item, end);
      if (isTooLate && keepsOrder(source)) return { matched, scanned: index, rest: [], isLast: true };
      if (!isTooLate && !isMalformed(event) && this.#matches(event, entry)) matched.push({ event, position });
      const isLast = position === end.position;
      const scanned = index + 1;
      if (isLast || matched.length >= this.#sliceMax) return { matched, scanned, rest: items.slice(scanned), isLast };
    }
    return { matched, scanned: items.length, rest: [], isLast: false };
  }

  #matches(event: Event, { subscription }: SubscriptionEntry): boolean {
    return subscription.matcher.matches(event) && this.#filter.matches(event);
  }

  async #pace(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const waitMs = this.#paceFrom - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs, signal);
  }

  /** False: it was stopped before they could be parked. */
  async #park(matched: readonly StoredEvent[], entry: SubscriptionEntry, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#context;
    const rows = await this.#missing(
      matched.map((stored) => replayedRow(entry.subscription, this.#record.id, stored, clock.now())),
    );
    while (rows.length > 0) {
      if (signal.aborted) return false;
      if (entry.replayRoom > 0 && (await entry.replay(rows))) break;
      await this.#waitFor(entry, signal);
    }
    const { perSecond } = this.#record.request;
    if (perSecond !== undefined) {
      this.#paceFrom = Math.max(this.#paceFrom, clock.monotonic()) + (matched.length * 1_000) / perSecond;
    }
    return true;
  }

  async #missing(rows: readonly Park[]): Promise<readonly Park[]> {
    if (!this.#isRepeated || rows.length === 0) return rows;
    const existing = await this.#context.store.existing(rows.map(({ id }) => id));
    return rows.filter(({ id }) => !existing.has(id));
  }

  /** Saves its place. Within a page that is known only where the topic keeps its order; else the page is repeated. */
  async #advance({ matched, scanned, rest, isLast }: Slice, page: TopicPage, source: ReplaySource): Promise<void> {
    const before = this.#record;
    const next = rest[0] === undefined ? page.next : keepsOrder(source) ? rest[0].position : before.next;
    const counts = { scanned: before.scanned + scanned, matched: before.matched + matched.length };
    const record = { ...before, ...counts, next };
    if (isLast || next === undefined) await this.#end("done", record);
    else await this.#save(record);
  }

  async #end(state: ReplayState, record: ReplayRecord, reason?: string): Promise<void> {
    const { clock, logger } = this.#context;
    await this.#save({ ...record, state, reason, next: undefined, endedAt: clock.now() });
    const { id, subscription, scanned, matched } = record;
    logger.info({ replay: id, subscription, scanned, matched, reason }, `the replay is ${state}`);
  }

  async #save(record: ReplayRecord): Promise<void> {
    await this.#context.store.putResource("replay", { name: record.id, revision: 1, json: JSON.stringify(record) });
    this.#record = record;
  }

  async #failed(error: Error, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#context;
    const { id, subscription } = this.#record;
    const isNew = this.#waitsFor !== error.message;
    this.#isRepeated = true;
    this.#waitsFor = error.message;
    if (isNew) logger.warn({ replay: id, subscription, error: error.message }, "a page could not be replayed");
    if (!isPassing(error)) await this.#end("failed", this.#record, error.message).catch(() => undefined);
    await sleep(clock, BACKGROUND_PAUSE_MS_MAX, signal);
  }

  async #waitFor(entry: SubscriptionEntry, signal: AbortSignal): Promise<void> {
    const { state, reason } = entry;
    const isServing = state === "active" || state === "failing";
    const why = reason === undefined ? "" : `: ${reason}`;
    this.#waitsFor = isServing ? `many deliveries wait already${why}` : `the subscription is ${state}${why}`;
    await sleep(this.#context.clock, REPLAY_WAIT_MS, signal);
  }
}

/** Undefined once aborted; the work itself goes on. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}
