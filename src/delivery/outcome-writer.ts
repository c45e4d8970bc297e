/**
 * Writes what an attempt came to into the store, and keeps trying while the store fails: until then the item stays
 * unacked and the row untouched, so nothing is lost whatever happens. Once told to give up (the runner is stopping), a
 * failing call is not repeated; the transport, or the untouched row, still has the delivery.
 */
import { STORE_RETRY_MS, STORE_RETRY_MS_MAX } from "../limits.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { SinkResult } from "../sink/port.ts";
import type { AttemptRecord, DeadLetter, DeliveryRow, DeliveryState, Park, Reschedule, Store } from "../store/port.ts";
import type { Item } from "../transport/port.ts";
import type { Decision, NotDone } from "./decide.ts";
import { deliveryId } from "./delivery-id.ts";
import type { OpenDelivery } from "./open-delivery.ts";

export interface OutcomeWriterOptions {
  readonly subscription: string;
  /** Whether dead letters are owed to a dead-letter sink too. */
  readonly forwards: boolean;
  /** Whether the others of its key wait for a dead letter to be dealt with. */
  readonly blocksKeys: boolean;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Why the store can't be written now; undefined when it can again. */
  readonly onFault: (fault: string | undefined) => void;
}

export class OutcomeWriter {
  readonly #options: OutcomeWriterOptions;
  readonly #givenUp = new AbortController();

  constructor(options: OutcomeWriterOptions) {
    this.#options = options;
  }

  giveUpOnFault(): void {
    this.#givenUp.abort();
  }

  /** True once the outcome is durable; false when the writer gave up. No result: it was decided without an attempt. */
  write(delivery: OpenDelivery, decision: NotDone, result: SinkResult | undefined, now: number): Promise<boolean> {
    return this.#persist("storing an outcome", () => this.#write(delivery, decision, result, now));
  }

  /** Answers the next row of its key, leased, when that has become due by it; undefined when the writer gave up. */
  async complete({ id }: OpenDelivery, now: number): Promise<readonly DeliveryRow[] | undefined> {
    let next: readonly DeliveryRow[] = [];
    const stored = await this.#persist("storing a delivery", async () => {
      next = await this.#options.store.complete([id], now);
    });
    return stored ? next : undefined;
  }

  park(rows: readonly Park[]): Promise<boolean> {
    return this.#persist("parking deliveries", () => this.#options.store.park(rows));
  }

  /** Gives a row that fell due its place behind others of its key. */
  join(delivery: OpenDelivery, key: string, now: number): Promise<boolean> {
    const row: Reschedule = { ...this.#stateOf(delivery, false), key, dueAt: now, attempt: undefined };
    return this.#persist("ordering a delivery", () => this.#options.store.reschedule([row]));
  }

  /** Says that the row is about to be attempted. */
  markAttempting({ id }: OpenDelivery): Promise<boolean> {
    return this.#persist("marking an attempt", () => this.#options.store.attempting([id]));
  }

  /** The first row of a delivery that is to be attempted at `dueAt`; leased: its attempt runs already. */
  rowOf(
    delivery: OpenDelivery,
    { dueAt, leased = false, scheduled = false }: { dueAt: number; leased?: boolean; scheduled?: boolean },
  ): Park {
    const { event, uncleanStops } = delivery;
    const attempt = undefined;
    return { ...this.#stateOf(delivery, false), event, dueAt, attempt, leased, scheduled, uncleanStops };
  }

  /** The first row of a delivery whose attempt is to be made again. */
  retryRowOf(
    delivery: OpenDelivery,
    decision: Extract<Decision, { kind: "retry" | "interrupted" }>,
    result: SinkResult | undefined,
    now: number,
  ): Park {
    return { ...this.rowOf(delivery, { dueAt: now }), ...this.#retryOf(delivery, decision, result, now) };
  }

  writeMalformed(item: Item, now: number): Promise<boolean> {
    const { subscription, store } = this.#options;
    const row: DeadLetter = {
      id: deliveryId(subscription, item.position),
      subscription,
      position: item.position,
      key: undefined,
      attempts: 0,
      firstAttemptAt: undefined,
      lastAttemptAt: undefined,
      reason: "malformed",
      detail: "malformed" in item.event ? item.event.malformed : "",
      diedAt: now,
      event: item.event,
      attempt: undefined,
      blocks: false,
      forwardDueAt: undefined,
    };
    return this.#persist("storing a malformed message", () => store.deadLetter([row]));
  }

  /** Which of these deliveries have a row; none when the writer gave up. */
  async existing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    let found: ReadonlySet<string> = new Set();
    await this.#persist("looking up redelivered events", async () => {
      found = await this.#options.store.existing(ids);
    });
    return found;
  }

  #write(delivery: OpenDelivery, decision: NotDone, result: SinkResult | undefined, now: number): Promise<void> {
    const { store } = this.#options;
    switch (decision.kind) {
      case "retry":
      case "interrupted":
        return delivery.item === undefined
          ? store.reschedule([this.#retryOf(delivery, decision, result, now)])
          : store.park([this.retryRowOf(delivery, decision, result, now)]);
      case "dead":
        return store.deadLetter([this.#deadLetter(delivery, decision, result, now)]);
    }
  }

  #retryOf(
    delivery: OpenDelivery,
    decision: Extract<Decision, { kind: "retry" | "interrupted" }>,
    result: SinkResult | undefined,
    now: number,
  ): Reschedule {
    const counts = decision.kind === "retry";
    const error = counts ? decision.error : undefined;
    const attempt = result && attemptRecord(delivery, decision.kind, result, error, now);
    return { ...this.#stateOf(delivery, counts), dueAt: counts ? decision.dueAt : now, attempt };
  }

  #deadLetter(
    delivery: OpenDelivery,
    decision: Extract<Decision, { kind: "dead" }>,
    result: SinkResult | undefined,
    now: number,
  ): DeadLetter {
    const { reason, detail } = decision;
    const outcome = reason === "exhausted" ? "retry" : "reject";
    return {
      ...this.#stateOf(delivery, result !== undefined),
      reason,
      detail,
      diedAt: now,
      event: delivery.event,
      attempt: result && attemptRecord(delivery, outcome, result, detail, now),
      blocks: this.#options.blocksKeys && delivery.key !== undefined,
      forwardDueAt: this.#options.forwards ? now : undefined,
    };
  }

  #stateOf(delivery: OpenDelivery, counts: boolean): DeliveryState {
    const { id, position, key, attempt, earlierAttempts, firstAttemptAt, startedAt } = delivery;
    return {
      id,
      subscription: this.#options.subscription,
      position,
      key,
      attempts: counts ? attempt : earlierAttempts,
      firstAttemptAt: counts || earlierAttempts > 0 ? firstAttemptAt : undefined,
      lastAttemptAt: startedAt === 0 ? undefined : startedAt,
    };
  }

  async #persist(what: string, call: () => Promise<void>): Promise<boolean> {
    const { clock, logger, subscription } = this.#options;
    for (let waitMs = STORE_RETRY_MS; ; waitMs = Math.min(waitMs * 2, STORE_RETRY_MS_MAX)) {
      try {
        await call();
        this.#options.onFault(undefined);
        return true;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#options.onFault(`${what} failed: ${message}`);
        if (this.#givenUp.signal.aborted) return false;
        logger.error({ subscription, error: message }, `${what} failed; trying again`);
        await sleep(clock, waitMs, this.#givenUp.signal);
      }
    }
  }
}

function attemptRecord(
  { attempt, startedAt }: OpenDelivery,
  outcome: AttemptRecord["outcome"],
  result: SinkResult,
  error: string | undefined,
  now: number,
): AttemptRecord {
  const answered = result.kind === "response";
  return {
    number: attempt,
    startedAt,
    durationMs: now - startedAt,
    outcome,
    status: answered ? result.status : undefined,
    error,
    response: answered && result.excerpt !== "" ? result.excerpt : undefined,
  };
}
