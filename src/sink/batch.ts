/**
 * Delivers several events by one POST (CloudEvents JSON format §4, "JSON Batch Format").
 *
 *   the sink answered                                  becomes
 *   ------------------------------------------------   -----------------------------------------------------------
 *   2xx                                                delivered, all of them
 *   2xx with `{"results": [{"index", "status"}]}`      as listed, by the table of single deliveries; delivered else
 *   2xx with results that can't be understood          a failed attempt of all: `reply`
 *   400 or 413 to more than one event                  each half is sent again by itself, down to single events
 *   anything else                                      the same for all
 *
 * Halving finds the event that the sink can't take, and delivers the others. It starts no more requests once the attempt
 * has taken its time: what is left is a failed attempt, so that a sink which is too slow to be halved is not asked forever.
 */
import { encodeHttpBatch } from "../event/http.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Delivery, Sink, SinkAnswer, SinkResult } from "./port.ts";
import type { WebhookClient } from "./webhook-client.ts";

type Response = Extract<SinkResult, { kind: "response" }>;

const OUT_OF_TIME: SinkResult = {
  kind: "failure",
  error: "timeout",
  message: "the batch was refused, and its halves could not be tried within the timeout",
};
const TOO_LARGE_OR_BAD: ReadonlySet<number> = new Set([400, 413]);

export class BatchSink implements Sink {
  readonly #client: WebhookClient;
  readonly #timeoutMs: number;
  readonly #clock: Clock;

  /** The client has to hand out what it is answered. */
  constructor(client: WebhookClient, timeoutMs: number, clock: Clock) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  deliver(deliveries: readonly Delivery[], signal: AbortSignal): Promise<readonly SinkResult[]> {
    return this.#deliver(deliveries, this.#clock.monotonic() + this.#timeoutMs, signal);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #deliver(
    deliveries: readonly Delivery[],
    deadline: number,
    signal: AbortSignal,
  ): Promise<readonly SinkResult[]> {
    if (this.#clock.monotonic() >= deadline) return deliveries.map(() => OUT_OF_TIME);
    const attempt = Math.max(...deliveries.map((delivery) => delivery.attempt));
    const encoded = encodeHttpBatch(deliveries.map(({ event }) => event));
    const result = await this.#client.post(encoded, attempt, signal);
    if (result.kind !== "response") return deliveries.map(() => result);
    if (deliveries.length > 1 && TOO_LARGE_OR_BAD.has(result.status)) {
      const half = Math.ceil(deliveries.length / 2);
      const first = await this.#deliver(deliveries.slice(0, half), deadline, signal);
      return [...first, ...(await this.#deliver(deliveries.slice(half), deadline, signal))];
    }
    return resultsOf(result, deliveries.length);
  }
}

function resultsOf(response: Response, count: number): readonly SinkResult[] {
  const results: SinkResult[] = new Array<SinkResult>(count).fill(withoutAnswer(response));
  try {
    for (const { index, status, retryAfter } of listedIn(response.answer, count)) {
      const retryAfterMs = retryAfter === undefined ? response.retryAfterMs : retryAfter * 1_000;
      results[index] = { kind: "response", status, retryAfterMs, excerpt: "" };
    }
    return results;
  } catch (error) {
    const message = `the results of the batch can't be understood: ${error instanceof Error ? error.message : error}`;
    return results.fill({ kind: "failure", error: "reply", message });
  }
}

function withoutAnswer({ status, retryAfterMs, excerpt }: Response): Response {
  return { kind: "response", status, retryAfterMs, excerpt };
}

interface ListedResult {
  readonly index: number;
  readonly status: number;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** The results that the answer lists. Other JSON, and anything else, says nothing about single events. */
function listedIn(answer: SinkAnswer | undefined, count: number): readonly ListedResult[] {
  if (answer?.body === undefined || !isJson(answer.headers)) return [];
  const document: unknown = JSON.parse(answer.body.toString("utf8"));
  const results = typeof document === "object" && document !== null && "results" in document ? document.results : [];
  if (!Array.isArray(results)) throw new Error("results must be an array");
  return results.map((result: unknown, n) => listedResult(result, n, count));
}

function listedResult(result: unknown, n: number, count: number): ListedResult {
  const { index, status, retryAfter } = Object(result) as Record<string, unknown>;
  if (!isWholeBetween(index, 0, count - 1)) throw new Error(`results[${n}].index must be 0 to ${count - 1}`);
  if (!isWholeBetween(status, 200, 599)) throw new Error(`results[${n}].status must be 200 to 599`);
  if (retryAfter !== undefined && !isWholeBetween(retryAfter, 0, Number.MAX_SAFE_INTEGER / 1_000)) {
    throw new Error(`results[${n}].retryAfter must be a number of seconds`);
  }
  return { index, status, retryAfter };
}

function isWholeBetween(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

function isJson(headers: readonly string[]): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === "content-type") return /^application\/json\s*(;|$)/i.test(headers[i + 1] ?? "");
  }
  return false;
}
