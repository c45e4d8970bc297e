/**
 * Writes what an attempt came to into the store, and keeps trying while the store fails: until then the item stays
 * unacked and the row untouched, so nothing is lost whatever happens. Once told to give up (the runner is stopping), a
 * failing call is not repeated; the transport, or the untouched row, still has the delivery.
 */
import { STORE_RETRY_MS, STORE_RETRY_MS_MAX } from "../limits.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { SinkResult } from "../sink/port.ts";
import type { AttemptRecord, DeadLetter, DeliveryState, Store } from "../store/port.ts";
import type { Item } from "../transport/port.ts";
import type { Attempt } from "./attempt.ts";
import type { Decision } from "./decide.ts";
import { deliveryId } from "./delivery-id.ts";

export interface OutcomeWriterOptions {
  readonly subscription: string;
  /** Whether dead letters are owed to a dead-letter sink too. */
  readonly forwards: boolean;
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

  /** True once the outcome is durable; false when the writer gave up. */
  write(attempt: Attempt, decision: Decision, result: SinkResult, now: number): Promise<boolean> {
    return this.#persist("storing an outcome", () => this.#write(attempt, decision, result, now));
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

  #write(attempt: Attempt, decision: Decision, result: SinkResult, now: number): Promise<void> {
    const { store } = this.#options;
    switch (decision.kind) {
      case "delivered":
      case "loop-dropped":
        return store.complete([attempt.id], now);
      case "retry":
        return this.#park(attempt, decision.dueAt, attemptRecord(attempt, "retry", result, decision.error, now));
      case "interrupted":
        return this.#park(attempt, now, attemptRecord(attempt, "interrupted", result, undefined, now));
      case "dead":
        return store.deadLetter([this.#deadLetter(attempt, decision, result, now)]);
    }
  }

  #park(attempt: Attempt, dueAt: number, record: AttemptRecord): Promise<void> {
    const counts = record.outcome !== "interrupted";
    const state = { ...this.#stateOf(attempt, counts), dueAt, attempt: record };
    return attempt.item === undefined
      ? this.#options.store.reschedule([state])
      : this.#options.store.park([
          { ...state, event: attempt.event, scheduled: false, leased: false, uncleanStops: 0 },
        ]);
  }

  #deadLetter(
    attempt: Attempt,
    decision: Extract<Decision, { kind: "dead" }>,
    result: SinkResult,
    now: number,
  ): DeadLetter {
    const outcome = decision.reason === "exhausted" ? "retry" : "reject";
    return {
      ...this.#stateOf(attempt, true),
      reason: decision.reason,
      detail: decision.detail,
      diedAt: now,
      event: attempt.event,
      attempt: attemptRecord(attempt, outcome, result, decision.detail, now),
      blocks: false,
      forwardDueAt: this.#options.forwards ? now : undefined,
    };
  }

  #stateOf(attempt: Attempt, counts: boolean): DeliveryState {
    return {
      id: attempt.id,
      subscription: this.#options.subscription,
      position: attempt.position,
      key: undefined,
      attempts: counts ? attempt.attempt : attempt.earlierAttempts,
      firstAttemptAt: counts || attempt.earlierAttempts > 0 ? attempt.firstAttemptAt : undefined,
      lastAttemptAt: attempt.startedAt,
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
  attempt: Attempt,
  outcome: AttemptRecord["outcome"],
  result: SinkResult,
  error: string | undefined,
  now: number,
): AttemptRecord {
  const answered = result.kind === "response";
  return {
    number: attempt.attempt,
    startedAt: attempt.startedAt,
    durationMs: now - attempt.startedAt,
    outcome,
    status: answered ? result.status : undefined,
    error,
    response: answered && result.excerpt !== "" ? result.excerpt : undefined,
  };
}
