/** What all parts of the server share about its life. */
import type { ServerResponse } from "node:http";

export class Lifecycle {
  readonly #drain = new AbortController();

  get draining(): boolean {
    return this.#drain.signal.aborted;
  }

  /** Aborted when the server drains: what waits for something to come gives up then. */
  get drained(): AbortSignal {
    return this.#drain.signal;
  }

  drain(): void {
    this.#drain.abort();
  }

  /** Called before an answer is written: while draining it is the last one on its connection. */
  prepare(res: ServerResponse): void {
    if (this.draining) res.shouldKeepAlive = false;
  }
}
