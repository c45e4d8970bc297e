/**
 * Runs one subscription: receive, attempt, settle.
 *
 * A delivery's states:
 *
 *   received ──attempt──▶ delivered                       ack
 *      │                  retry        park the row,      then ack ──due──▶ attempt (retry lane)
 *      │                  dead         dead-letter row,   then ack
 *      │                  interrupted  park the row,      then ack      (a shutdown cut the attempt off)
 *      └─ malformed ────▶ dead-letter row,                then ack
 *
 *   parked ───attempt──▶ delivered     delete the row
 *                        retry         reschedule the row
 *                        dead          the row becomes a dead letter
 *
 * The one rule: an item is acked only after it was delivered or its row is durable. A crash before the ack makes the
 * transport hand it out again as `redelivered`; when its row is there already, it is acked and dropped, else it is
 * attempted again (a duplicate, never a loss). A crash during a retry finds the row untouched and due.
 *
 * The runner's states: `running` receives and attempts; `paused` finishes what runs and starts nothing; `stopped` has
 * settled everything and holds nothing. `receive` is also held back, while retries go on, when the parked rows or the
 * dead letters are at their bound, so that memory and store stay bounded and the pipe keeps the backlog.
 */
import { STORE_RETRY_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Random } from "../runtime/random.ts";
import type { Sink, SinkResult } from "../sink/port.ts";
import type { DeadLetterReason, Store } from "../store/port.ts";
import type { Subscription } from "../subscription/subscription.ts";
import { type Consumer, type Item, isMalformed } from "../transport/port.ts";
import { type Attempt, FirstAttempt, retryAttempt } from "./attempt.ts";
import type { DeliveryCounters } from "./counters.ts";
import { type Decision, decide } from "./decide.ts";
import { DueLane } from "./due-lane.ts";
import { ForwardLane } from "./forward-lane.ts";
import { Health } from "./health.ts";
import { Intake } from "./intake.ts";
import type { Outcome } from "./outcome.ts";
import { OutcomeWriter } from "./outcome-writer.ts";
import type { Ring } from "./ring.ts";
import { Window } from "./window.ts";

export interface RunnerOptions {
  readonly subscription: Subscription;
  readonly consumer: Consumer;
  readonly sink: Sink;
  /** Where dead letters are sent too, when the policy names a place. */
  readonly forwardSink: Sink | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: DeliveryCounters;
  readonly outcomes: Ring<Outcome>;
  /** The sink asked for no more events. */
  readonly onPause: (reason: string) => void;
  /** The health changed: `undefined` when it is good again. */
  readonly onHealth: (failing: string | undefined) => void;
}

export class SubscriptionRunner {
  readonly #options: RunnerOptions;
  readonly #window: Window;
  readonly #retries: DueLane;
  readonly #forwards: ForwardLane | undefined;
  readonly #writer: OutcomeWriter;
  readonly #intake: Intake;
  readonly #health: Health;
  readonly #attempts = new Set<Attempt>();
  readonly #attemptAbort = new AbortController();
  #state: "running" | "paused" | "stopping" = "paused";
  #isReceiving = false;
  /** Ends the `receive` that is pending; serves all of them until it is used. */
  #receiveAbort = new AbortController();
  #pumpPlanned = false;
  /** Items and rows whose outcome is being written. */
  #settling = 0;
  #parked = 0;
  #deadLetters = 0;
  #whenIdle: (() => void) | undefined;
  lastAttemptAt: number | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { subscription, store, clock, logger, forwardSink } = options;
    this.#health = new Health(options.onHealth);
    this.#window = new Window(subscription.policy.maxInFlight);
    this.#retries = new DueLane({
      subscription: subscription.id,
      lane: "retry",
      store,
      clock,
      logger,
      onReady: () => this.#plan(),
    });
    this.#forwards = forwardSink && new ForwardLane({ ...options, forwardSink });
    this.#writer = new OutcomeWriter({
      subscription: subscription.id,
      forwards: forwardSink !== undefined,
      store,
      clock,
      logger,
      onFault: (fault) => this.#health.report("store", fault),
    });
    this.#intake = new Intake(options, this.#writer, this.#health);
  }

  get inFlight(): number {
    return this.#window.running;
  }

  get parked(): number {
    return this.#parked;
  }

  get deadLetters(): number {
    return this.#deadLetters;
  }

  /** Why the subscription is failing, or undefined. */
  get failing(): string | undefined {
    return this.#health.failing;
  }

  get lastError(): string | undefined {
    return this.#health.lastError;
  }

  /** The attempts that are running now. */
  get running(): Iterable<Attempt> {
    return this.#attempts;
  }

  /** Reads what the store holds, then receives unless `paused`. Rejects when the store can't be read. */
  async start(paused: boolean): Promise<void> {
    const { store, subscription } = this.#options;
    const counts = await store.counts(subscription.id);
    this.#parked = counts.parked;
    this.#deadLetters = counts.deadLetters;
    this.#retries.open(counts.retryDueAt);
    this.#forwards?.open(counts.forwardDueAt);
    this.#checkBounds();
    if (!paused) this.resume();
  }

  pause(): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    this.#endReceive();
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#plan();
  }

  /** So many dead letters were parked again, due now. */
  redriven(count: number): void {
    this.#parked += count;
    this.discarded(count);
    this.#retries.expect(this.#options.clock.now());
  }

  /** So many dead letters were deleted. */
  discarded(count: number): void {
    this.#deadLetters -= count;
    this.#checkBounds();
    this.#plan();
  }

  /**
   * Stops receiving, lets running attempts finish until `deadline` (milliseconds since the epoch), aborts and parks the
   * rest, writes and acks everything, then closes consumer and sinks. What could not be written stays unacked.
   */
  async stop(deadline: number): Promise<void> {
    const { clock, consumer, sink, forwardSink } = this.#options;
    this.#state = "stopping";
    this.#endReceive();
    this.#retries.close();
    this.#writer.giveUpOnFault();
    const cancel = clock.timer(Math.max(0, deadline - clock.now()), () => this.#attemptAbort.abort());
    await this.#idle();
    cancel();
    await this.#forwards?.stop();
    await consumer.close(Math.max(deadline, clock.now() + STORE_RETRY_MS_MAX));
    await Promise.all([sink.close(), forwardSink?.close()]);
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    const busy = this.#attempts.size > 0 || this.#settling > 0 || this.#isReceiving;
    if (!busy) this.#whenIdle?.();
  }

  // --- starting attempts -------------------------------------------------------------------------------------------

  /** Everything that frees slots or brings work ends here; what happens in one turn of the loop is dealt with once. */
  #plan(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    this.#options.clock.soon(() => {
      this.#pumpPlanned = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#state === "stopping") this.#checkIdle();
    if (this.#state !== "running") return;
    this.#startRetries();
    if (!this.#isReceiving && !this.#isHeldBack) {
      const slots = this.#window.firstSlots(this.#retries.ready);
      if (slots > 0) void this.#receive(slots);
    }
    // A single slot is `receive`'s in its turn; when that finds nothing at hand, a due retry must not wait behind it.
    if (this.#retries.ready && this.#window.shouldEndReceive()) this.#plan();
  }

  #startRetries(): void {
    if (!this.#retries.ready) return;
    if (this.#window.shouldEndReceive()) this.#endReceive();
    const rows = this.#retries.take(this.#window.retrySlots(this.#isHeldBack));
    this.#window.startRetries(rows.length);
    const now = this.#options.clock.now();
    for (const row of rows) if (!isMalformed(row.event)) this.#start(retryAttempt(row, row.event, now));
  }

  /** Whether `receive` has to wait for rows to go, or for outcomes to be written. What is being written counts. */
  get #isHeldBack(): boolean {
    const { maxParked, maxDeadLetters } = this.#options.subscription.policy;
    const room = Math.min(maxParked - this.#parked, maxDeadLetters - this.#deadLetters, this.#window.max);
    return this.#settling >= room;
  }

  #boundReached(): string | undefined {
    const { maxParked, maxDeadLetters } = this.#options.subscription.policy;
    if (this.#parked >= maxParked) return `${this.#parked} deliveries are parked (delivery.maxParked)`;
    if (this.#deadLetters >= maxDeadLetters) return `${this.#deadLetters} dead letters (delivery.maxDeadLetters)`;
    return undefined;
  }

  #checkBounds(): void {
    this.#health.report("bound", this.#boundReached());
  }

  async #receive(slots: number): Promise<void> {
    this.#isReceiving = true;
    this.#window.claim(slots);
    const items = await this.#intake.receive(slots, this.#receiveAbort.signal);
    this.#isReceiving = false;
    this.#window.received(items.length);
    const now = this.#options.clock.now();
    for (const item of items) {
      if (this.#state === "stopping") this.#release(item);
      else this.#startFirst(item, now);
    }
    this.#plan();
  }

  #endReceive(): void {
    if (!this.#isReceiving) return;
    this.#receiveAbort.abort();
    this.#receiveAbort = new AbortController();
  }

  /** Too late to start: the transport hands it out again after the restart. */
  #release(item: Item): void {
    this.#window.end("first");
    this.#intake.settle(item, "release");
  }

  #startFirst(item: Item, now: number): void {
    if (isMalformed(item.event)) void this.#deadLetterMalformed(item, now);
    else this.#start(new FirstAttempt(this.#options.subscription.id, item, item.event, now));
  }

  #start(attempt: Attempt): void {
    this.#attempts.add(attempt);
    this.lastAttemptAt = attempt.startedAt;
    this.#options.sink.deliver([attempt], this.#attemptAbort.signal).then(
      ([result]) => this.#finish(attempt, result ?? NO_RESULT),
      (error: unknown) => this.#finish(attempt, { kind: "failure", error: "transport", message: String(error) }),
    );
  }

  // --- what an attempt came to -------------------------------------------------------------------------------------

  #finish(attempt: Attempt, result: SinkResult): void {
    const { subscription, clock, random } = this.#options;
    const now = clock.now();
    const facts = { attempts: attempt.attempt, firstAttemptAt: attempt.firstAttemptAt, now };
    const decision = decide(result, facts, subscription.policy.retry, random);
    this.#attempts.delete(attempt);
    this.#window.end(attempt.lane);
    this.#count(attempt, decision, result, now);
    const isDelivered = decision.kind === "delivered" || decision.kind === "loop-dropped";
    if (isDelivered) this.#intake.delivered(attempt);
    if (!isDelivered || attempt.item === undefined) void this.#write(attempt, decision, result, now);
    this.#plan();
  }

  #count(attempt: Attempt, decision: Decision, result: SinkResult, now: number): void {
    const { counters, outcomes } = this.#options;
    counters.attempts[ATTEMPT_OUTCOME[decision.kind]] += 1;
    if (decision.kind === "interrupted") return;
    if (decision.kind === "delivered") {
      counters.delivered += 1;
      if (attempt.storedAt !== undefined) counters.latency.observe((now - attempt.storedAt) / 1_000);
    } else if (decision.kind === "loop-dropped") counters.loopDropped += 1;
    if (decision.kind === "retry") this.#health.failed(decision.error);
    else if (decision.kind === "dead") this.#health.failed(decision.detail);
    else this.#health.delivered();
    outcomes.push({
      eventId: attempt.event.id,
      eventSource: attempt.event.source,
      eventType: attempt.event.type,
      position: attempt.position,
      attempt: attempt.attempt,
      outcome: RING_OUTCOME[decision.kind],
      status: result.kind === "response" ? result.status : undefined,
      at: now,
    });
  }

  /** Writes an outcome that needs a row, and only then acks. */
  async #write(attempt: Attempt, decision: Decision, result: SinkResult, now: number): Promise<void> {
    this.#settling += 1;
    const stored = await this.#writer.write(attempt, decision, result, now);
    this.#settling -= 1;
    if (attempt.item !== undefined) this.#intake.settle(attempt.item, stored ? "ack" : "release");
    else if (!stored) this.#options.store.release([attempt.id]);
    if (stored) this.#noteStored(attempt, decision);
    this.#plan();
  }

  #noteStored(attempt: Attempt, decision: Decision): void {
    const wasParked = attempt.item === undefined;
    if (decision.kind === "retry") {
      if (!wasParked) this.#parked += 1;
      this.#retries.expect(decision.dueAt);
    } else if (decision.kind === "interrupted") {
      if (!wasParked) this.#parked += 1;
    } else {
      if (wasParked) this.#parked -= 1;
      if (decision.kind === "dead") this.#noteDead(decision.reason);
    }
    if (decision.kind === "dead" && decision.pause !== undefined) this.#options.onPause(decision.pause);
    this.#checkBounds();
  }

  #noteDead(reason: DeadLetterReason): void {
    this.#deadLetters += 1;
    this.#options.counters.countDeadLetter(reason);
    this.#forwards?.expect(this.#options.clock.now());
  }

  async #deadLetterMalformed(item: Item, now: number): Promise<void> {
    this.#window.end("first");
    this.#settling += 1;
    const stored = await this.#writer.writeMalformed(item, now);
    this.#settling -= 1;
    this.#intake.settle(item, stored ? "ack" : "release");
    if (stored) this.#noteDead("malformed");
    this.#checkBounds();
    this.#plan();
  }
}

const NO_RESULT: SinkResult = { kind: "failure", error: "transport", message: "the sink gave no result" };

const ATTEMPT_OUTCOME = {
  delivered: "delivered",
  "loop-dropped": "delivered",
  retry: "retry",
  dead: "reject",
  interrupted: "interrupted",
} as const;

const RING_OUTCOME = {
  delivered: "delivered",
  "loop-dropped": "loop-dropped",
  retry: "retry",
  dead: "dead-lettered",
} as const;
