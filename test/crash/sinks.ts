/**
 * What the sinks of the crash run answer. Most take what they get, now and then slowly; those whose name ends in
 * `-flaky` refuse some first attempts, the keyed one any attempt; those that end in `-batch` take batches, and refuse
 * one now and then: some of its events, all of it, or its size.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ReceivedRequest } from "../support/receiver.ts";

/** Hears of the events in each request to a sink, and answers who hears, before the answer goes out, which it takes. */
export type RequestListener = (
  sink: string,
  ids: readonly string[],
  at: number,
) => (delivered: ReadonlySet<string>) => void;

interface SinkAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const SLOW_SHARE = 0.05;
const SLOW_MS_MAX = 50;
const REFUSED_SHARE = 0.1;
const TAKEN = { status: 204 };
const BUSY = { status: 503 };
const TOO_LARGE = { status: 413 };

export class Sinks {
  readonly #random: () => number;
  readonly #onRequest: RequestListener;

  constructor(random: () => number, onRequest: RequestListener) {
    this.#random = random;
    this.#onRequest = onRequest;
  }

  async answer(request: ReceivedRequest): Promise<SinkAnswer> {
    const sink = request.path.slice(1);
    const ids = sink.endsWith("-batch") ? idsOf(request.body) : [request.id ?? "?"];
    const onAnswer = this.#onRequest(sink, ids, request.at);
    if (this.#random() < SLOW_SHARE) await sleep(this.#random() * SLOW_MS_MAX);
    const { answer, delivered } = sink.endsWith("-batch") ? this.#takeBatch(ids) : this.#takeOne(sink, ids, request);
    onAnswer(new Set(delivered));
    return answer;
  }

  #takeOne(sink: string, ids: readonly string[], { headers }: ReceivedRequest) {
    const mayRefuse = sink === "steps-flaky" || (sink.endsWith("-flaky") && headers["pulsebus-attempt"] === "1");
    const isRefused = mayRefuse && this.#random() < REFUSED_SHARE;
    return isRefused ? { answer: BUSY, delivered: [] } : { answer: TAKEN, delivered: ids };
  }

  #takeBatch(ids: readonly string[]): { readonly answer: SinkAnswer; readonly delivered: readonly string[] } {
    const chance = this.#random();
    if (chance < REFUSED_SHARE / 2) return { answer: BUSY, delivered: [] };
    if (chance < REFUSED_SHARE && ids.length > 1) return { answer: TOO_LARGE, delivered: [] };
    if (chance > 2 * REFUSED_SHARE) return { answer: TAKEN, delivered: ids };
    const index = Math.floor(this.#random() * ids.length);
    const body = JSON.stringify({ results: [{ index, status: 503 }] });
    const answer = { status: 200, headers: { "Content-Type": "application/json" }, body };
    return { answer, delivered: ids.filter((_, at) => at !== index) };
  }
}

function idsOf(body: Buffer): string[] {
  const events = JSON.parse(body.toString()) as { readonly id: string }[];
  return events.map(({ id }) => id);
}
