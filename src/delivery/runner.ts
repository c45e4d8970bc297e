/**
 * Runs one subscription: receive, attempt, settle.
 *
 * A delivery's states:
 *
 *   received ──attempt──▶ delivered                       ack
 *      │                  retry        park the row,      then ack ──due──▶ attempt (retry lane)
 *      │                  dead         dead-letter row,   then ack
 *      │                  interrupted  park the row,      then ack      (a shutdown cut the attempt off)
 *      ├─ malformed, expired ▶ dead-letter row,           then ack
 *      └─ too early, or not now ▶ park the row,           then ack
 *
 *   parked ───attempt──▶ delivered     delete the row
 *                        retry         reschedule the row
 *                        dead          the row becomes a dead letter
 *
 * The one rule: an item is acked only after it was delivered or its row is durable. A crash before the ack makes the
 * transport hand it out again as `redelivered`; when its row is there already, it is acked and dropped, else it is
 * attempted again (a duplicate, never a loss). A crash during a retry finds the row untouched and due.
 *
 * From being received, or due, to its attempt a delivery passes: the order of its key (`key-order.ts`), the queue of its
 * lane, and the window, the gates and the turn that let an attempt start. What waits in the first lane's queue is about
 * to start: when the gates stay closed for long, or the runner pauses or stops, it is parked.
 *
 * The runner's states: `starting` reads what the store holds, and nothing makes it work before; `running` receives and
 * attempts; `paused` finishes what runs and starts nothing; `stopping` has settled everything in the end and holds
 * nothing. `receive` is also held back, while retries go on, when the rows are at a bound, so that memory and store stay
 * bounded and the pipe keeps the backlog.
 */
import { KEY_BUFFER_WINDOWS, STORE_RETRY_MS_MAX, TURN_STARTS, TURN_STARTS_SHARING } from "../limits.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Demand, Sink } from "../sink/port.ts";
import type { DeliveryRow } from "../store/port.ts";
import { type Consumer, type Item, isMalformed } from "../transport/port.ts";
import { deliveryTimeOf } from "./admission.ts";
import { Attempts } from "./attempts.ts";
import type { Breaker, BreakerState } from "./breaker.ts";
import { DueLane } from "./due-lane.ts";
import { ForwardLane } from "./forward-lane.ts";
import { Health } from "./health.ts";
import { Intake } from "./intake.ts";
import { Interventions } from "./interventions.ts";
import { KeyOrder } from "./key-order.ts";
import { OpenDelivery } from "./open-delivery.ts";
import { orderKeyOf } from "./order-key.ts";
import { OutcomeWriter } from "./outcome-writer.ts";
import { Protection } from "./protection.ts";
import { Quarantine } from "./quarantine.ts";
import { Recount } from "./recount.ts";
import { RowTally } from "./row-tally.ts";
import { readRowsAtStart } from "./rows-at-start.ts";
import { Settlement, type SettlementOptions } from "./settlement.ts";
import type { Seat, Turns } from "./turns.ts";

export interface RunnerOptions extends SettlementOptions {
  readonly consumer: Consumer;
  readonly sink: Sink;
  /** Set when the sink takes only what it was asked for. */
  readonly demand: Demand | undefined;
  /** Where dead letters are sent too, when the policy names a place. */
  readonly forwardSink: Sink | undefined;
  readonly logger: Logger;
  /** The breaker of the sink's origin, shared by all subscriptions that deliver there. */
  readonly originBreaker: Breaker;
  readonly turns: Turns;
  /** The process did not end by itself the last time. */
  readonly afterUncleanStop: boolean;
  /** The health changed: `undefined` when it is good again. */
  readonly onHealth: (failing: string | undefined) => void;
}

export class SubscriptionRunner {
  readonly #options: RunnerOptions;
  readonly #seat: Seat;
  readonly #health: Health;
  readonly #tally: RowTally;
  readonly #writer: OutcomeWriter;
  readonly #intake: Intake;
  readonly #order: KeyOrder | undefined;
  readonly #settlement: Settlement;
  readonly #recount: Recount;
  /** What others do with its rows. */
  readonly interventions: Interventions;
  readonly #retries: DueLane;
  readonly #forwards: ForwardLane | undefined;
  readonly #protection: Protection;
  readonly #quarantine: Quarantine;
  readonly #attempts: Attempts;
  #state: "starting" | "running" | "paused" | "stopping" = "starting";
  #isReceiving = false;
  /** Ends the `receive` that is pending; serves all of them until it is used. */
  #receiveAbort = new AbortController();
  #whenIdle: (() => void) | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { subscription, store, clock, logger, forwardSink, turns } = options;
    const { policy } = subscription;
    const plan = (): void => this.#seat.plan();
    const starts = policy.weight * (options.sink.sharesCalls ? TURN_STARTS_SHARING : TURN_STARTS);
    this.#seat = turns.join({ starts, work: (budget) => this.#work(budget) });
    this.#health = new Health(options.onHealth);
    this.#tally = new RowTally(policy, () => this.#order?.behind ?? 0);
    this.#writer = new OutcomeWriter({
      subscription: subscription.id,
      forwards: forwardSink !== undefined,
      blocksKeys: policy.ordering?.onDeadLetter === "block",
      store,
      clock,
      logger,
      onFault: (fault) => {
        this.#health.report("store", fault);
        if (fault !== undefined) this.#recount.doubt();
      },
    });
    this.#intake = new Intake(options, this.#writer, this.#health);
    this.#order = policy.ordering && this.#openOrder();
    this.#settlement = this.#openSettlement();
    this.#recount = new Recount({
      ...{ subscription: subscription.id, store, clock, logger, tally: this.#tally, order: this.#order },
      isCalm: () => this.#settlement.pending === 0,
    });
    this.#retries = new DueLane({ subscription: subscription.id, lane: "retry", store, clock, logger, onReady: plan });
    this.interventions = new Interventions({
      ...{ store, clock, tally: this.#tally, order: this.#order, retries: this.#retries, recount: this.#recount },
      onChanged: () => this.#rowsChanged(),
    });
    this.#forwards = forwardSink && new ForwardLane({ ...options, forwardSink });
    this.#protection = new Protection(policy, options, clock, plan);
    const open = options.afterUncleanStop ? policy.maxInFlight * (policy.batch?.maxEvents ?? 1) : 0;
    this.#quarantine = new Quarantine({ items: open, rows: open }, clock.now());
    this.#attempts = new Attempts({
      ...options,
      seat: this.#seat,
      protection: this.#protection,
      quarantine: this.#quarantine,
      writer: this.#writer,
      settlement: this.#settlement,
    });
  }

  get inFlight(): number {
    return this.#attempts.slotsTaken;
  }

  /** Received deliveries that wait for those before them of their key, or for their start. */
  get waiting(): number {
    return this.#attempts.waiting + (this.#order?.waiting ?? 0);
  }

  get parked(): number {
    return this.#tally.parked;
  }

  get scheduled(): number {
    return this.#tally.scheduled;
  }

  get deadLetters(): number {
    return this.#tally.deadLetters;
  }

  /** How many events a replay may park now; none while nothing is attempted. */
  get replayRoom(): number {
    return this.#state === "running" ? this.#tally.replayRoom : 0;
  }

  /** Why the subscription is failing, or undefined. */
  get failing(): string | undefined {
    return this.#health.failing;
  }

  get lastError(): string | undefined {
    return this.#health.lastError;
  }

  get lastAttemptAt(): number | undefined {
    return this.#attempts.lastStartedAt;
  }

  get breaker(): BreakerState {
    return this.#protection.breaker;
  }

  /** The attempts that are running now. */
  get running(): Iterable<OpenDelivery> {
    return this.#attempts.running;
  }

  /** Reads what the store holds, then receives unless `paused`. Rejects when the store can't be read. */
  async start(paused: boolean): Promise<void> {
    const { counts, heldKeys } = await readRowsAtStart(this.#options);
    if (this.#state !== "starting") return; // it was told to stop meanwhile
    this.#state = "paused";
    this.#order?.load(heldKeys);
    const { parked, scheduled, deadLetters } = counts;
    Object.assign(this.#tally, { parked, scheduled, deadLetters });
    this.#retries.open(counts.retryDueAt);
    this.#forwards?.open(counts.forwardDueAt);
    this.#checkBounds();
    if (!paused) this.resume();
  }

  pause(): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    this.#endReceive();
    void this.#putBack();
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#seat.plan();
  }

  /**
   * Stops receiving, lets running attempts finish until `deadline` (milliseconds since the epoch), aborts and parks the
   * rest, writes and acks everything, then closes consumer and sinks. What could not be written stays unacked.
   */
  async stop(deadline: number): Promise<void> {
    const { clock, consumer, sink, forwardSink, store } = this.#options;
    this.#state = "stopping";
    this.#endReceive();
    this.#retries.close();
    this.#writer.giveUpOnFault();
    const cancel = clock.timer(Math.max(0, deadline - clock.now()), () => this.#attempts.abort());
    await this.#putBack();
    await this.#idle();
    cancel();
    this.#protection.close();
    this.#recount.close();
    store.release("retry", [...(this.#order?.leased ?? []), ...this.#quarantine.leased, ...this.#attempts.leased]);
    await this.#forwards?.stop();
    await consumer.close(Math.max(deadline, clock.now() + STORE_RETRY_MS_MAX));
    await Promise.all([sink.close(), forwardSink?.close()]);
  }

  /** What waits in memory is parked, since nothing is attempted for a time. */
  async #putBack(): Promise<void> {
    await Promise.all([this.#attempts.putBack(), this.#order?.parkWaiting()]);
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    const busy = this.#attempts.running.size > 0 || this.#settlement.pending > 0 || this.#isReceiving;
    if (!busy) this.#whenIdle?.();
  }

  #openOrder(): KeyOrder {
    return new KeyOrder({
      waitingMax: KEY_BUFFER_WINDOWS * this.#options.subscription.policy.maxInFlight,
      rowOf: (delivery, leased) => this.#settlement.rowOf(delivery, leased),
      park: (rows) => this.#settlement.park(rows),
      onReady: (delivery) => this.#queue(delivery),
      onParked: (delivery, stored) => this.#settlement.onParked(delivery, stored),
    });
  }

  #openSettlement(): Settlement {
    return new Settlement(this.#options, {
      writer: this.#writer,
      intake: this.#intake,
      health: this.#health,
      tally: this.#tally,
      order: this.#order,
      onDue: (dueAt) => this.#retries.expect(dueAt),
      onLeased: (row) => this.#takeRow(row),
      onDead: () => this.#forwards?.expect(this.#options.clock.now()),
      onSettled: () => {
        this.#recount.changed();
        this.#rowsChanged();
      },
    });
  }

  #rowsChanged(): void {
    this.#checkBounds();
    this.#seat.plan();
  }

  #checkBounds(): void {
    this.#health.report("bound", this.#tally.boundReached);
  }

  // --- working -----------------------------------------------------------------------------------------------------

  /** Everything that frees slots or brings work ends here, in the subscription's turn. */
  #work(budget: number): number {
    if (this.#state === "stopping") this.#checkIdle();
    if (this.#state !== "running") return 0;
    const now = this.#options.clock.now();
    this.#takeDueRows();
    const started = this.#attempts.start(budget, this.#isHeldBack ? "closed" : "open", now);
    const wanted = this.#isHeldBack ? 0 : this.#attempts.receivable(now);
    if (wanted > 0 && !this.#isReceiving) void this.#receive(wanted);
    // What came now could not start: the pipe keeps it.
    if (this.#protection.isClosed(now)) this.#endReceive();
    return started;
  }

  /** Whether `receive` has to wait for rows to go, or for outcomes to be written: each of those may need a row. */
  get #isHeldBack(): boolean {
    const { pending } = this.#settlement;
    if (pending >= Math.min(this.#tally.room, this.#options.subscription.policy.maxInFlight)) return true;
    return this.#order !== undefined && (this.#order.isFull || this.#order.waiting >= this.#tally.keyRoom);
  }

  async #receive(max: number): Promise<void> {
    this.#isReceiving = true;
    const items = await this.#intake.receive(max, this.#receiveAbort.signal);
    this.#isReceiving = false;
    for (const item of items) this.#admit(item);
    this.#seat.plan();
  }

  #endReceive(): void {
    if (!this.#isReceiving) return;
    this.#receiveAbort.abort();
    this.#receiveAbort = new AbortController();
  }

  #admit(item: Item): void {
    const { subscription, clock } = this.#options;
    // Too late to start: the end of the consumer hands it back, in its place.
    if (this.#state === "stopping") return;
    if (isMalformed(item.event)) void this.#settlement.deadLetterMalformed(item);
    else
      this.#admitEvent(OpenDelivery.received(subscription.id, item, item.event, this.#keyOf(item)), item, clock.now());
  }

  #admitEvent(delivery: OpenDelivery, item: Item, now: number): void {
    const dueAt = deliveryTimeOf(delivery.event);
    const isEarly = dueAt !== undefined && dueAt > now;
    const isSuspect = !isEarly && this.#quarantine.suspectsItem(item);
    if (isSuspect) delivery.uncleanStops = 1;
    if (isEarly) this.#settlement.schedule(delivery, dueAt);
    else if (isSuspect || this.#state === "paused") void this.#settlement.parkReceived(delivery);
    else this.#offer(delivery);
  }

  #takeDueRows(): void {
    const takeable = this.#attempts.takeable;
    if (takeable <= 0 || !this.#retries.ready) return;
    for (const row of this.#retries.take(takeable)) this.#takeRow(row);
  }

  #takeRow(row: DeliveryRow): void {
    if (isMalformed(row.event)) return;
    const delivery = OpenDelivery.leased(row, row.event);
    const missingKey = row.scheduled && row.key === undefined ? this.#keyOf(row) : undefined;
    if (missingKey === undefined) this.#offer(delivery);
    else this.#settlement.join(delivery, missingKey);
  }

  #keyOf({ event }: Pick<Item, "event">): string | undefined {
    return isMalformed(event) ? undefined : orderKeyOf(this.#options.subscription.policy, event);
  }

  #offer(delivery: OpenDelivery): void {
    if (this.#order === undefined || delivery.key === undefined) this.#queue(delivery);
    else this.#order.offer(delivery, delivery.key);
  }

  /** Its turn among those of its key has come. */
  #queue(delivery: OpenDelivery): void {
    if (this.#state === "running" || delivery.item === undefined) this.#attempts.queue(delivery);
    else void this.#settlement.putBack(delivery);
  }
}
