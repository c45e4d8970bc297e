/**
 * One request and its one result. HOT PATH.
 *
 * Two things end separately. The caller's result is *settled* once: by the response, an error, the deadline or an
 * abort, whichever comes first. The exchange *finishes* when undici is done with it, which frees its place at the
 * origin; after a deadline or abort that may be later, since undici can't be asked to forget a request that still waits
 * for its connection.
 *
 *   waiting ──▶ connecting ──▶ sent ──▶ answered ──▶ settled + finished
 *      │            │            └───────────┴── deadline, abort: settled, connection destroyed, finished
 *      │            └── deadline, abort: settled; finished once the connection is there (nothing is written) or failed
 *      └── deadline, abort: settled and withdrawn
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { RESPONSE_BYTES_MAX, RESPONSE_EXCERPT_BYTES, SINK_CONNECTIONS_MAX } from "../limits.ts";
import { ABORTED, type EgressRequest, type EgressResult, failureOf } from "./result.ts";

/** Where the exchange waits for its turn. */
export interface ExchangeQueue {
  /** The exchange settled before it was dispatched. */
  withdraw(exchange: Exchange): void;
  /** undici is done with a dispatched exchange. */
  finished(): void;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly signal: AbortSignal;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #queue: ExchangeQueue;
  readonly #onSettled: (exchange: Exchange, result: EgressResult) => void;
  readonly #timeoutMs: number;
  /** Of `performance.now()`. Whoever sends the exchange lets it expire then. */
  readonly expiresAt: number;
  #settled = false;
  #dispatched = false;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #retryAfter: string | undefined;
  #bodyBytes = 0;
  #excerpt: Buffer | undefined;
  readonly #keepsAnswer: boolean;
  #answerHeaders: readonly string[] | undefined;
  #answerBody: Buffer[] | undefined;

  constructor(
    path: string,
    request: EgressRequest,
    signal: AbortSignal,
    queue: ExchangeQueue,
    onSettled: (exchange: Exchange, result: EgressResult) => void,
  ) {
    const { method, headers, body = null, timeoutMs, keepAnswer = false } = request;
    this.#options = { path, method, headers, body };
    this.signal = signal;
    this.#queue = queue;
    this.#onSettled = onSettled;
    this.#timeoutMs = timeoutMs;
    this.#keepsAnswer = keepAnswer;
    this.expiresAt = performance.now() + timeoutMs;
  }

  dispatchTo(dispatcher: Dispatcher): void {
    this.#dispatched = true;
    dispatcher.dispatch(this.#options, this);
  }

  abort(): void {
    this.#cancel(ABORTED);
  }

  expire(): void {
    const message = `${this.#phase()} after ${this.#timeoutMs} ms`;
    this.#cancel({ kind: "failure", error: "timeout", message });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Throwing is how a request that nobody waits for is dropped before a byte of it is written.
    if (this.#settled) throw new Error("the request was given up before its connection was there");
    this.#controller = controller;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status; // interim (1xx) responses come by here too
    const retryAfter: string | readonly string[] | undefined = headers["retry-after"];
    this.#retryAfter = typeof retryAfter === "object" ? retryAfter[0] : retryAfter;
    if (this.#keepsAnswer && status >= 200 && status < 300) this.#startAnswer(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#status >= 300) this.#keep(chunk);
    else this.#answerBody?.push(chunk);
    if (this.#bodyBytes <= RESPONSE_BYTES_MAX) return;
    this.#settle(this.#response());
    controller.abort(new Error(`the response is longer than ${RESPONSE_BYTES_MAX} bytes`));
  }

  onResponseEnd(): void {
    this.#settle(this.#response());
    this.#queue.finished();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#settle(failureOf(error));
    this.#queue.finished();
  }

  #cancel(result: EgressResult): void {
    if (this.#settled) return;
    this.#settle(result);
    if (!this.#dispatched) this.#queue.withdraw(this);
    else this.#controller?.abort(new Error("the request was given up"));
  }

  #settle(result: EgressResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#onSettled(this, result);
  }

  #response(): EgressResult {
    const excerpt = this.#excerpt === undefined ? "" : textOf(this.#excerpt);
    const response = { kind: "response", status: this.#status, retryAfter: this.#retryAfter, excerpt } as const;
    const headers = this.#answerHeaders;
    if (headers === undefined) return response;
    const isWhole = this.#bodyBytes <= RESPONSE_BYTES_MAX;
    return { ...response, answer: { headers, body: isWhole ? Buffer.concat(this.#answerBody ?? []) : undefined } };
  }

  #startAnswer(controller: Dispatcher.DispatchController): void {
    this.#answerHeaders = rawHeadersOf(controller);
    this.#answerBody = [];
  }

  #keep(chunk: Buffer): void {
    const kept = this.#excerpt?.length ?? 0;
    if (kept >= RESPONSE_EXCERPT_BYTES) return;
    const part = chunk.subarray(0, RESPONSE_EXCERPT_BYTES - kept);
    this.#excerpt = Buffer.concat(this.#excerpt === undefined ? [part] : [this.#excerpt, part]);
  }

  #phase(): string {
    if (!this.#dispatched) return `none of the ${SINK_CONNECTIONS_MAX} connections to the origin was free`;
    if (this.#controller === undefined) return "no connection";
    return this.#status === 0 ? "no response" : "no end of the response";
  }
}

/** undici hands them out as bytes. */
function rawHeadersOf({ rawHeaders }: Dispatcher.DispatchController): readonly string[] {
  return Array.isArray(rawHeaders) ? rawHeaders.map((part) => part.toString("latin1")) : [];
}

/** A character that the cut went through is left out rather than replaced. */
function textOf(bytes: Buffer): string {
  return new TextDecoder().decode(bytes, { stream: true });
}
