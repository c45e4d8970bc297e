/**
 * The other end of all webhooks: receivers whose mood changes with time, and the sinks that lead to them. What a mood
 * answers, and when, is rolled for each attempt.
 */
import type { Event } from "../../src/event/event.ts";
import type { Delivery, Sink, SinkResult } from "../../src/sink/port.ts";
import type { Subscription } from "../../src/subscription/subscription.ts";
import type { Circumstances } from "./circumstances.ts";
import type { Dice } from "./dice.ts";
import type { Ledger } from "./ledger.ts";

/** What a receiver that works refuses for good. */
export const BAD_TYPE = "order.bad";

type Mood = "healthy" | "flaky" | "down" | "throttling" | "rejecting" | "hanging" | "gone";

interface Answer {
  readonly result: SinkResult;
  /** As a share of the timeout; 1 is a timeout. */
  readonly after: number;
}

const OK = response(204);
const REFUSED = failure("connection");
const TIMEOUT = failure("timeout");

function response(status: number, retryAfterMs?: number): SinkResult {
  return { kind: "response", status, retryAfterMs, excerpt: "" };
}

function failure(error: "connection" | "timeout"): SinkResult {
  return { kind: "failure", error, message: error };
}

const ANSWERS: Readonly<Record<Mood, (dice: Dice) => SinkResult>> = {
  healthy: () => OK,
  flaky: (dice) => dice.pick([OK, OK, OK, response(503), REFUSED, TIMEOUT]),
  down: () => REFUSED,
  throttling: (dice) => dice.pick([OK, response(429, dice.integer(1, 5_000)), response(503, 2_000)]),
  rejecting: (dice) => dice.pick([OK, response(400), response(500)]),
  hanging: () => TIMEOUT,
  gone: (dice) => dice.pick([OK, OK, OK, OK, response(410)]),
};

const MOODS: readonly Mood[] = [
  ...(["healthy", "healthy", "flaky", "flaky", "down", "throttling", "rejecting", "hanging", "gone"] as const),
];
const MOOD_MS_MAX = 15_000;

export class Receivers {
  readonly #dice: Dice;
  readonly #moods = new Map<string, { readonly mood: Mood; readonly until: number }>();
  /** From then on all are healthy. */
  isCalm = false;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  answer(url: string, event: Event, now: number): Answer {
    if (event.type === BAD_TYPE && !url.endsWith("/dead")) return { result: response(422), after: 0.01 };
    const result = ANSWERS[this.#moodOf(url, now)](this.#dice);
    const isTimeout = result.kind === "failure" && result.error === "timeout";
    return { result, after: isTimeout ? 1 : this.#dice.next() ** 3 };
  }

  #moodOf(url: string, now: number): Mood {
    if (this.isCalm) return "healthy";
    const known = this.#moods.get(url);
    if (known !== undefined && now < known.until) return known.mood;
    const mood = this.#dice.pick(MOODS);
    this.#moods.set(url, { mood, until: now + this.#dice.integer(1, MOOD_MS_MAX) });
    return mood;
  }
}

export interface SinkOptions {
  readonly subscription: Subscription;
  readonly url: string;
  readonly receivers: Receivers;
  readonly circumstances: Circumstances;
  readonly ledger: Ledger;
}

/** A webhook. The ledger is told of each attempt of the subscription itself; dead letters on their way it only counts. */
export class SimulatedWebhook implements Sink {
  readonly #options: SinkOptions;
  readonly #isForDeadLetters: boolean;
  /** Ends the attempts under way. */
  readonly #aborts = new Set<() => void>();
  #isClosed = false;
  #running = 0;

  constructor(options: SinkOptions) {
    this.#options = options;
    const { subscription, url, ledger } = options;
    this.#isForDeadLetters = subscription.sink.kind !== "webhook" || subscription.sink.url !== url;
    if (!this.#isForDeadLetters) ledger.policyUsed(subscription.id, subscription.policy);
  }

  async deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    const { ledger, subscription } = this.#options;
    const { maxInFlight } = subscription.policy;
    this.#running += 1;
    if (!this.#isForDeadLetters && this.#running > maxInFlight) {
      ledger.violate(`${subscription.id} has ${this.#running} of ${maxInFlight} in flight`);
    }
    const results = await Promise.all(deliveries.map((delivery) => this.#attempt(delivery, signal)));
    this.#running -= 1;
    return results;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const abort of this.#aborts) abort();
    const { circumstances, ledger, subscription } = this.#options;
    if (circumstances.isAlive && !this.#isForDeadLetters) ledger.stopped(subscription.id);
  }

  #attempt(delivery: Delivery, signal: AbortSignal): Promise<SinkResult> {
    const { circumstances, receivers, subscription, url } = this.#options;
    return new Promise((resolve) => {
      if (!circumstances.isAlive) return;
      if (signal.aborted || this.#isClosed) return resolve({ kind: "aborted" });
      this.#started(delivery);
      const abort = (): void => end({ kind: "aborted" });
      const end = (result: SinkResult): void => {
        if (!this.#aborts.delete(abort) || !circumstances.isAlive) return;
        signal.removeEventListener("abort", abort);
        this.#ended(delivery, result);
        resolve(result);
      };
      this.#aborts.add(abort);
      signal.addEventListener("abort", abort);
      const { result, after } = receivers.answer(url, delivery.event, circumstances.now());
      circumstances.after(Math.round(after * subscription.policy.timeoutMs), () => end(result));
    });
  }

  #started(delivery: Delivery): void {
    const { circumstances, ledger, subscription, url } = this.#options;
    circumstances.say(`${url} attempt ${delivery.attempt} of ${delivery.event.id}`);
    if (!this.#isForDeadLetters) ledger.attemptStarted(subscription.id, delivery, circumstances.now());
  }

  #ended(delivery: Delivery, result: SinkResult): void {
    const { circumstances, ledger, url } = this.#options;
    const told = result.kind === "response" ? result.status : result.kind === "failure" ? result.error : result.kind;
    circumstances.say(`${url} answers ${delivery.event.id}: ${told}`);
    if (!this.#isForDeadLetters) ledger.attemptEnded(delivery, result);
  }
}
