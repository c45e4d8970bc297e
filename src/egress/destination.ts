/** Requests to one URL. HOT PATH: one `request` a delivery. */
import { SINK_ORIGINS_MAX } from "../limits.ts";
import { Exchange } from "./exchange.ts";
import type { Origins } from "./origins.ts";
import { ABORTED, type EgressRequest, type EgressResult } from "./result.ts";

export interface Destination {
  /**
   * Sends one request; never rejects, never repeats, and ends by its own timeout. May be called concurrently; more than
   * `SINK_CONNECTIONS_MAX` at once wait for each other. Abort ends it promptly. A signal that many requests share costs
   * less than one for each.
   */
  request(request: EgressRequest, signal: AbortSignal): Promise<EgressResult>;
  /** Aborts its requests. Connections that nobody uses close soon by themselves. */
  close(): void;
}

export interface DestinationOptions {
  readonly url: URL;
  /** What every request answers, where the guard forbids the URL's address. */
  readonly refusal: EgressResult | undefined;
  readonly origins: Origins;
  readonly onClose: (destination: Destination) => void;
}

const TOO_MANY_ORIGINS: EgressResult = {
  kind: "failure",
  error: "connection",
  message: `requests to ${SINK_ORIGINS_MAX} other origins are under way`,
};

export class UrlDestination implements Destination {
  readonly #options: DestinationOptions;
  readonly #origin: string;
  readonly #path: string;
  readonly #running = new Set<Exchange>();
  /** The signals that are listened to already: one listener a signal, however many requests share it. */
  readonly #watched = new WeakSet<AbortSignal>();
  readonly #closing = new AbortController();
  /** One timer for the request that expires first: a timer for each would cost as much as its encoding. */
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: DestinationOptions) {
    this.#options = options;
    this.#origin = options.url.origin;
    this.#path = options.url.pathname + options.url.search;
  }

  request(request: EgressRequest, signal: AbortSignal): Promise<EgressResult> {
    const { refusal, origins } = this.#options;
    if (signal.aborted || this.#closing.signal.aborted) return Promise.resolve(ABORTED);
    if (refusal !== undefined) return Promise.resolve(refusal);
    const origin = origins.get(this.#origin);
    if (origin === undefined) return Promise.resolve(TOO_MANY_ORIGINS);
    request.headers.push("Accept-Encoding", "identity");
    this.#watch(signal);
    return new Promise((resolve) => {
      const exchange = new Exchange(this.#path, request, signal, origin, (settled, result) => {
        this.#running.delete(settled);
        resolve(result);
      });
      this.#running.add(exchange);
      if (exchange.expiresAt < this.#timerAt) this.#arm(exchange.expiresAt);
      origin.send(exchange);
    });
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#timer);
    for (const exchange of this.#running) exchange.abort();
    this.#options.onClose(this);
  }

  #arm(expiresAt: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = expiresAt;
    this.#timer = setTimeout(() => this.#expire(), expiresAt - performance.now()).unref();
  }

  #expire(): void {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const exchange of this.#running) {
      if (exchange.expiresAt <= now) exchange.expire();
      else next = Math.min(next, exchange.expiresAt);
    }
    this.#timerAt = next;
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }

  #watch(signal: AbortSignal): void {
    if (this.#watched.has(signal)) return;
    this.#watched.add(signal);
    const abort = (): void => {
      for (const exchange of this.#running) if (exchange.signal === signal) exchange.abort();
    };
    signal.addEventListener("abort", abort, { once: true, signal: this.#closing.signal });
  }
}
