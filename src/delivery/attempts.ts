/**
 * From ready to finished: the queues of the two lanes, and everything that decides when an attempt starts.
 *
 * A ready delivery waits for a slot of the window, for the gates of its sink, and for its subscription's turn. Suspects
 * of an unclean stop wait for each other too, and are marked in the store first. A batch waits until it is full, or its
 * first event has waited long enough.
 */
import { READY_HOLD_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Sink, SinkResult } from "../sink/port.ts";
import type { Subscription } from "../subscription/subscription.ts";
import { isExpired } from "./admission.ts";
import { Batching } from "./batching.ts";
import type { OpenDelivery } from "./open-delivery.ts";
import type { OutcomeWriter } from "./outcome-writer.ts";
import type { Protection } from "./protection.ts";
import { Quarantine } from "./quarantine.ts";
import type { Settlement } from "./settlement.ts";
import type { Seat } from "./turns.ts";
import { verdictOf } from "./verdict.ts";
import { type Lane, Window } from "./window.ts";

export interface AttemptsOptions {
  readonly subscription: Subscription;
  readonly sink: Sink;
  readonly clock: Clock;
  readonly seat: Seat;
  readonly protection: Protection;
  readonly quarantine: Quarantine;
  readonly writer: OutcomeWriter;
  readonly settlement: Settlement;
}

/** Takes one slot, of this lane. */
interface Attempt {
  readonly lane: Lane;
  readonly deliveries: readonly OpenDelivery[];
}

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #window: Window;
  readonly #batching: Batching;
  readonly #ready: Readonly<Record<Lane, OpenDelivery[]>> = { first: [], retry: [] };
  readonly #running = new Set<OpenDelivery>();
  /** Started in this turn, for the call that they share. */
  readonly #sharing: Attempt[] = [];
  readonly #abort = new AbortController();
  /** Until when what is ready waits for more of its batch. */
  #batchDueAt = 0;
  #cancelBatchTimer: (() => void) | undefined;
  #cancelHold: (() => void) | undefined;
  lastStartedAt: number | undefined;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    const { policy } = options.subscription;
    this.#window = new Window(policy.maxInFlight);
    this.#batching = new Batching(policy.batch);
  }

  get slotsTaken(): number {
    return this.#window.running;
  }

  get running(): ReadonlySet<OpenDelivery> {
    return this.#running;
  }

  /** Nothing of its key is before this delivery: it may be attempted. */
  queue(delivery: OpenDelivery): void {
    const { quarantine, seat, clock } = this.#options;
    if (delivery.item === undefined && quarantine.suspectsRow(delivery)) quarantine.enter(delivery);
    else {
      const lane = this.#ready[delivery.lane];
      if (lane.length === 0 && delivery.lane === "first") this.#batchDueAt = this.#batching.dueAt(clock.now());
      lane.push(delivery);
    }
    seat.plan();
  }

  /** How many first attempts may be received, so that they can start as soon as they are there. */
  receivable(now: number): number {
    const { first, retry } = this.#ready;
    const { maxEvents } = this.#batching;
    const { gates } = this.#options.protection;
    const allowance = gates.allowance(now);
    if (allowance < 1) gates.waitUntilOpen(now);
    return Math.min(this.#window.receivable(retry.length > 0, 0), allowance) * maxEvents - first.length;
  }

  /** How many due rows may be taken, so that they can start soon. */
  get takeable(): number {
    return this.#batching.maxEvents * this.#window.max - this.#ready.retry.length;
  }

  /** Starts what may start, at most `budget` attempts; answers how many. No first attempt will come while it is `closed`. */
  start(budget: number, firstLane: "open" | "closed", now: number): number {
    let started = 0;
    while (started < budget && this.#startNext(firstLane, now)) started += 1;
    const shared = this.#sharing.splice(0);
    if (shared.length > 0) this.#attemptTogether(shared);
    return started;
  }

  /** Aborts the attempts that run; each ends with an outcome of its own. */
  abort(): void {
    this.#abort.abort();
  }

  /** Parks what was received and is ready, for a time in which nothing is attempted. */
  async putBack(): Promise<void> {
    this.#cancelBatchTimer?.();
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    const waiting = this.#ready.first.splice(0);
    await Promise.all(waiting.map((delivery) => this.#options.settlement.putBack(delivery)));
  }

  /** Received deliveries that wait here. */
  get waiting(): number {
    return this.#ready.first.length;
  }

  /** Ids of rows that are leased and wait here. */
  get leased(): string[] {
    return this.#ready.retry.map(({ id }) => id);
  }

  #startNext(firstLane: "open" | "closed", now: number): boolean {
    const allowance = this.#options.protection.gates.allowance(now);
    const first = this.#nextSize("first", now);
    const retry = this.#nextSize("retry", now);
    if (first + retry === 0) return false;
    if (allowance < 1) return this.#waitForGates(now);
    if (retry > 0 && this.#window.mayStart("retry", first > 0 ? "ready" : firstLane, allowance)) {
      this.#start("retry", this.#take("retry", retry, now), now);
      return true;
    }
    if (first === 0 || !this.#window.mayStart("first", retry > 0 ? "ready" : "open", allowance)) return false;
    this.#start("first", this.#take("first", first, now), now);
    return true;
  }

  /** How many deliveries of this lane make its next attempt, now. */
  #nextSize(lane: Lane, now: number): number {
    if (lane === "retry" && this.#options.quarantine.isReady) return 1;
    const ready = this.#ready[lane];
    if (ready.length === 0) return 0;
    const size = this.#batching.next(ready, now, lane === "first" ? this.#batchDueAt : now);
    if (size === 0) this.#waitForBatch(now);
    return size;
  }

  #waitForBatch(now: number): void {
    const { clock, seat } = this.#options;
    this.#cancelBatchTimer?.();
    this.#cancelBatchTimer = clock.timer(this.#batchDueAt - now, () => seat.plan());
  }

  /** What waits for gates that stay closed for long would hold its transport's lease for nothing. */
  #waitForGates(now: number): false {
    const opensAt = this.#options.protection.gates.waitUntilOpen(now);
    if (opensAt !== undefined && opensAt - now > READY_HOLD_MS_MAX) void this.putBack();
    if (opensAt === undefined) this.#cancelHold ??= this.#options.clock.timer(READY_HOLD_MS_MAX, () => this.#endHold());
    return false;
  }

  #endHold(): void {
    this.#cancelHold = undefined;
    if (this.#options.protection.isClosed(this.#options.clock.now())) void this.putBack();
  }

  #take(lane: Lane, size: number, now: number): readonly OpenDelivery[] {
    const suspect = lane === "retry" ? this.#options.quarantine.take() : undefined;
    if (suspect !== undefined) return [suspect];
    if (lane === "first") this.#batchDueAt = this.#batching.dueAt(now);
    const ready = this.#ready[lane];
    const first = size === 1 ? ready.shift() : undefined;
    return first === undefined ? ready.splice(0, size) : [first];
  }

  #start(lane: Lane, taken: readonly OpenDelivery[], now: number): void {
    const isWorthAnAttempt = (delivery: OpenDelivery): boolean => giveUpReason(delivery, now) === undefined;
    const deliveries = taken.every(isWorthAnAttempt) ? taken : taken.filter(isWorthAnAttempt);
    if (deliveries !== taken) for (const delivery of taken) this.#giveUpIfNotWorthIt(delivery, now);
    const [first] = deliveries;
    if (first === undefined) return;
    const { protection, quarantine, writer, sink } = this.#options;
    this.#window.start(lane);
    protection.gates.started(now);
    for (const delivery of deliveries) this.#running.add(delivery);
    const attempt = { lane, deliveries };
    if (quarantine.attempted === first) void writer.markAttempting(first).then(() => this.#attempt(attempt));
    else if (sink.sharesCalls) this.#sharing.push(attempt);
    else this.#attempt(attempt);
  }

  #giveUpIfNotWorthIt(delivery: OpenDelivery, now: number): void {
    const reason = giveUpReason(delivery, now);
    if (reason === undefined) return;
    const { settlement, quarantine } = this.#options;
    if (reason === "poison")
      settlement.giveUp(delivery, reason, `${delivery.uncleanStops} unclean stops while it was open`);
    else settlement.giveUp(delivery, reason, "its expirytime has passed");
    quarantine.leave(delivery);
  }

  #attempt(attempt: Attempt): void {
    this.#deliver(attempt.deliveries, (results) => this.#end(attempt, results));
  }

  /** Attempts that share one call of the sink. */
  #attemptTogether(attempts: readonly Attempt[]): void {
    const deliveries = attempts.flatMap((attempt) => attempt.deliveries);
    this.#deliver(deliveries, (results) => {
      let at = 0;
      for (const attempt of attempts) {
        this.#end(attempt, results.slice(at, at + attempt.deliveries.length));
        at += attempt.deliveries.length;
      }
    });
  }

  #deliver(deliveries: readonly OpenDelivery[], done: (results: readonly SinkResult[]) => void): void {
    const { clock, sink, seat } = this.#options;
    const now = clock.now();
    this.lastStartedAt = now;
    for (const delivery of deliveries) delivery.startedAt = now;
    const end = (results: readonly SinkResult[]): void => {
      done(results);
      seat.plan();
    };
    sink.deliver(deliveries, this.#abort.signal).then(end, (error: unknown) => {
      const failure: SinkResult = { kind: "failure", error: "transport", message: String(error) };
      end(deliveries.map(() => failure));
    });
  }

  #end({ lane, deliveries }: Attempt, results: readonly SinkResult[]): void {
    const { clock, protection, settlement, quarantine, seat } = this.#options;
    this.#window.end(lane);
    protection.gates.ended(verdictOf(results), clock.now());
    seat.ended();
    for (let index = 0; index < deliveries.length; index += 1) {
      const delivery = deliveries[index];
      if (delivery === undefined) continue;
      this.#running.delete(delivery);
      quarantine.leave(delivery);
      settlement.finish(delivery, results[index] ?? NO_RESULT);
    }
  }
}

const NO_RESULT: SinkResult = { kind: "failure", error: "transport", message: "the sink gave no result" };

/** What has expired, or stopped the process too often, is given up without an attempt. */
function giveUpReason(delivery: OpenDelivery, now: number): "poison" | "expired" | undefined {
  if (Quarantine.isPoison(delivery)) return "poison";
  return isExpired(delivery.event, now) ? "expired" : undefined;
}
