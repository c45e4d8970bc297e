/**
 * What a delivery came to: decides, counts, writes what needs a row, and only then acks. The states of a delivery stand
 * in `runner.ts`.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { SinkResult } from "../sink/port.ts";
import type { DeadLetterReason, DeliveryRow, Park, Store } from "../store/port.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Item } from "../transport/port.ts";
import type { DeliveryCounters } from "./counters.ts";
import { type Decision, decide, isDone, type NotDone } from "./decide.ts";
import type { Health } from "./health.ts";
import type { Intake } from "./intake.ts";
import type { KeyOrder } from "./key-order.ts";
import type { OpenDelivery } from "./open-delivery.ts";
import type { Outcome } from "./outcome.ts";
import type { OutcomeWriter } from "./outcome-writer.ts";
import type { Ring } from "./ring.ts";
import type { RowTally } from "./row-tally.ts";

export interface SettlementOptions {
  readonly subscription: Subscription;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: DeliveryCounters;
  readonly outcomes: Ring<Outcome>;
  /** The sink asked for no more events. */
  readonly onPause: (reason: string) => void;
}

export interface SettlementRooms {
  readonly writer: OutcomeWriter;
  readonly intake: Intake;
  readonly health: Health;
  readonly tally: RowTally;
  readonly order: KeyOrder | undefined;
  /** A row was written that is due then. */
  readonly onDue: (dueAt: number) => void;
  /** A row has become due, and is leased to be attempted. */
  readonly onLeased: (row: DeliveryRow) => void;
  /** A dead letter was written. */
  readonly onDead: () => void;
  /** An outcome was written, or given up. */
  readonly onSettled: () => void;
}

export class Settlement {
  readonly #options: SettlementOptions;
  readonly #rooms: SettlementRooms;
  #pending = 0;

  constructor(options: SettlementOptions, rooms: SettlementRooms) {
    this.#options = options;
    this.#rooms = rooms;
  }

  /** Deliveries whose outcome is being written. */
  get pending(): number {
    return this.#pending;
  }

  /** An attempt ended. */
  finish(delivery: OpenDelivery, result: SinkResult): void {
    const { subscription, clock, random } = this.#options;
    const now = clock.now();
    const facts = { attempts: delivery.attempt, firstAttemptAt: delivery.firstAttemptAt, now };
    const decision = decide(result, facts, subscription.policy.retry, random);
    this.#count(delivery, decision, result, now);
    if (!isDone(decision) || delivery.item === undefined || delivery.parking !== undefined) {
      void this.#settle(() => this.#writeOutcome(delivery, decision, result, now));
      return;
    }
    this.#rooms.intake.delivered(delivery);
    this.#endTurn(delivery, 0);
  }

  /** Gives up a delivery without an attempt. */
  giveUp(delivery: OpenDelivery, reason: DeadLetterReason, detail: string): void {
    const now = this.#options.clock.now();
    const decision = { kind: "dead", reason, detail, pause: undefined } as const;
    void this.#settle(() => this.#writeOutcome(delivery, decision, undefined, now));
  }

  /** Parks a received delivery until its own time, outside the order of its key: it is not due before others. */
  schedule(delivery: OpenDelivery, dueAt: number): void {
    void this.#settle(async () => {
      const row = { ...this.#rooms.writer.rowOf(delivery, { dueAt, scheduled: true }), key: undefined };
      const stored = await this.#rooms.writer.park([row]);
      this.#settleItem(delivery, stored);
      if (!stored) return;
      this.#rooms.tally.scheduled += 1;
      this.#rooms.onDue(dueAt);
    });
  }

  /** Parks a received delivery that is not attempted now, after what is older of its key. */
  async parkReceived(delivery: OpenDelivery): Promise<void> {
    const { key } = delivery;
    const { order, writer } = this.#rooms;
    await this.#settle(async () => {
      if (order !== undefined && key !== undefined) await order.parkReceived(delivery, key);
      else this.onParked(delivery, await writer.park([this.rowOf(delivery, false)]));
    });
  }

  /** Parks a received delivery that was ready and is not attempted now. */
  async putBack(delivery: OpenDelivery): Promise<void> {
    const now = this.#options.clock.now();
    await this.#settle(() => this.#writeOutcome(delivery, { kind: "interrupted" }, undefined, now));
  }

  /** A row that fell due gets its place in the order of its key. */
  join(delivery: OpenDelivery, key: string): void {
    const now = this.#options.clock.now();
    void this.#settle(async () => {
      const { writer, tally, order, onDue } = this.#rooms;
      if (!(await writer.join(delivery, key, now))) return this.#options.store.release("retry", [delivery.id]);
      if (delivery.isScheduled) {
        tally.scheduled -= 1;
        tally.parked += 1;
      }
      order?.joined(key);
      onDue(now);
    });
  }

  async deadLetterMalformed(item: Item): Promise<void> {
    await this.#settle(async () => {
      const stored = await this.#rooms.writer.writeMalformed(item, this.#options.clock.now());
      this.#rooms.intake.settle(item, stored ? "ack" : "release");
      if (stored) this.#noteDead("malformed");
    });
  }

  /** True once the rows are durable; false when that was given up. */
  async park(rows: readonly Park[]): Promise<boolean> {
    let stored = false;
    await this.#settle(async () => {
      stored = await this.#rooms.writer.park(rows);
    });
    return stored;
  }

  /** The row of a delivery that is due as soon as nothing of its key is before it. */
  rowOf(delivery: OpenDelivery, leased: boolean): Park {
    return this.#rooms.writer.rowOf(delivery, { dueAt: this.#options.clock.now(), leased });
  }

  /** A received delivery got its first row, or that was given up. */
  onParked(delivery: OpenDelivery, stored: boolean): void {
    this.#settleItem(delivery, stored);
    if (!stored) return;
    this.#rooms.tally.parked += 1;
    this.#rooms.onDue(this.#options.clock.now());
  }

  async #settle(write: () => Promise<void>): Promise<void> {
    this.#pending += 1;
    await write();
    this.#pending -= 1;
    this.#rooms.onSettled();
  }

  /** Writes an outcome that needs a row, or has one, and only then acks and gives the next of its key its turn. */
  async #writeOutcome(
    delivery: OpenDelivery,
    decision: Decision,
    result: SinkResult | undefined,
    now: number,
  ): Promise<void> {
    const { writer, order, intake } = this.#rooms;
    // Without a turn of the loop where there is nothing to wait for: whoever parks the rest of its key next finds it parked.
    if (delivery.parking !== undefined) await delivery.parking;
    const { item, key } = delivery;
    if (isDone(decision)) {
      intake.delivered(delivery);
      return item === undefined ? this.#complete(delivery, now) : this.#endTurn(delivery, 0);
    }
    const isRetry = decision.kind === "retry" || decision.kind === "interrupted";
    if (isRetry && item !== undefined && order !== undefined && key !== undefined) {
      const stored = await order.park(key, writer.retryRowOf(delivery, decision, result, now));
      if (stored) this.#rooms.onDue(dueAtOf(decision, now));
      return this.#endTurn(delivery, 0);
    }
    const write = (): Promise<boolean> => writer.write(delivery, decision, result, now);
    const isOrdered = item !== undefined && order !== undefined && key !== undefined;
    const stored = await (isOrdered ? order.write(key, write) : write());
    if (item !== undefined) this.#settleItem(delivery, stored);
    else if (!stored) this.#options.store.release("retry", [delivery.id]);
    if (stored) this.#note(delivery, decision, item === undefined, now);
    else this.#endTurn(delivery, 0);
  }

  /** Its row goes, and the next of its key comes with the answer. */
  async #complete(delivery: OpenDelivery, now: number): Promise<void> {
    const { writer, onDue, onLeased } = this.#rooms;
    const next = await writer.complete(delivery, now);
    if (next === undefined) {
      this.#options.store.release("retry", [delivery.id]);
      this.#endTurn(delivery, 0);
      return;
    }
    this.#noteRowGone(delivery);
    this.#endTurn(delivery, -1);
    for (const row of next) onLeased(row);
    if (next.length === 0 && delivery.key !== undefined) onDue(now); // a repeated call does not know what the first woke
  }

  #note(delivery: OpenDelivery, decision: NotDone, hadRow: boolean, now: number): void {
    const { tally, onDue } = this.#rooms;
    if (hadRow) this.#noteRowGone(delivery);
    if (decision.kind !== "dead") {
      tally.parked += 1;
      onDue(dueAtOf(decision, now));
      this.#endTurn(delivery, 0);
      return;
    }
    // Whatever takes a row away has the next of its key due.
    if (hadRow && delivery.key !== undefined) onDue(now);
    this.#noteDead(decision.reason);
    if (decision.pause !== undefined) this.#options.onPause(decision.pause);
    const blocks = this.#blocks(delivery);
    this.#endTurn(delivery, hadRow ? (blocks ? 0 : -1) : blocks ? 1 : 0);
  }

  #noteRowGone({ isScheduled }: OpenDelivery): void {
    this.#rooms.tally[isScheduled ? "scheduled" : "parked"] -= 1;
  }

  #blocks({ key }: OpenDelivery): boolean {
    return key !== undefined && this.#options.subscription.policy.ordering?.onDeadLetter === "block";
  }

  #noteDead(reason: DeadLetterReason): void {
    this.#rooms.tally.deadLetters += 1;
    this.#options.counters.countDeadLetter(reason);
    this.#rooms.onDead();
  }

  #settleItem(delivery: OpenDelivery, stored: boolean): void {
    const { item, key } = delivery;
    // Of an ordered one it is the end of the consumer that hands it back: released alone it would lose its place.
    if (item === undefined || (!stored && key !== undefined && this.#rooms.order !== undefined)) return;
    this.#rooms.intake.settle(item, stored ? "ack" : "release");
    if (stored) delivery.item = undefined;
  }

  #endTurn({ key }: OpenDelivery, rows: -1 | 0 | 1): void {
    if (key !== undefined) this.#rooms.order?.ended(key, rows);
  }

  #count(delivery: OpenDelivery, decision: Decision, result: SinkResult, now: number): void {
    const { counters, outcomes } = this.#options;
    const { health } = this.#rooms;
    counters.attempts[ATTEMPT_OUTCOME[decision.kind]] += 1;
    if (decision.kind === "interrupted") return;
    if (decision.kind === "delivered") {
      counters.delivered += 1;
      if (delivery.storedAt !== undefined) counters.latency.observe((now - delivery.storedAt) / 1_000);
    } else if (decision.kind === "loop-dropped") counters.loopDropped += 1;
    if (decision.kind === "retry") health.failed(decision.error);
    else if (decision.kind === "dead") health.failed(decision.detail);
    else health.delivered();
    outcomes.push({
      deliveryId: delivery.knownId,
      eventId: delivery.event.id,
      eventSource: delivery.event.source,
      eventType: delivery.event.type,
      position: delivery.position,
      attempt: delivery.attempt,
      outcome: RING_OUTCOME[decision.kind],
      status: result.kind === "response" ? result.status : undefined,
      at: now,
    });
  }
}

function dueAtOf(decision: Extract<Decision, { kind: "retry" | "interrupted" }>, now: number): number {
  return decision.kind === "retry" ? decision.dueAt : now;
}

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
