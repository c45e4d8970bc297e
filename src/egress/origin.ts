/**
 * The connections to one origin: an undici pool behind a gate. undici never forgets a request that waits in its own
 * queues, so no more are handed to it than it has connections; the others wait here, where a deadline or an abort can
 * take them out again.
 */
import { type buildConnector, Pool } from "undici";
import { RESPONSE_HEADERS_BYTES_MAX, SINK_CONNECTIONS_MAX, SINK_IDLE_MS, SINK_IDLE_MS_MAX } from "../limits.ts";
import type { Exchange, ExchangeQueue } from "./exchange.ts";

export class Origin implements ExchangeQueue {
  /** Grows with use; compared to find the origin that was used least recently. */
  lastUse = 0;
  readonly #pool: Pool;
  readonly #waiting = new Set<Exchange>();
  #running = 0;

  /** `onIdle` is called whenever the last connection has closed and no request is under way. */
  constructor(url: string, connect: buildConnector.connector, onIdle: (origin: Origin) => void) {
    this.#pool = new Pool(url, {
      connect,
      connections: SINK_CONNECTIONS_MAX,
      allowH2: false, // no faster here, and undici would hold requests back until it knew the protocol
      pipelining: 1, // a POST may not be repeated because another one on its connection failed
      headersTimeout: 0, // each exchange has its own deadline over everything
      bodyTimeout: 0,
      keepAliveTimeout: SINK_IDLE_MS,
      keepAliveMaxTimeout: SINK_IDLE_MS_MAX,
      maxHeaderSize: RESPONSE_HEADERS_BYTES_MAX,
    });
    const check = (): void => {
      if (this.isUnused && this.#pool.stats.connected === 0) onIdle(this);
    };
    this.#pool.on("disconnect", check).on("connectionError", check);
  }

  get isUnused(): boolean {
    return this.#running === 0 && this.#waiting.size === 0;
  }

  send(exchange: Exchange): void {
    if (this.#running >= SINK_CONNECTIONS_MAX) this.#waiting.add(exchange);
    else this.#dispatch(exchange);
  }

  withdraw(exchange: Exchange): void {
    this.#waiting.delete(exchange);
  }

  finished(): void {
    this.#running -= 1;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#dispatch(next);
  }

  /** Drops all connections, also those that are being made. */
  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }

  #dispatch(exchange: Exchange): void {
    this.#running += 1;
    exchange.dispatchTo(this.#pool);
  }
}
