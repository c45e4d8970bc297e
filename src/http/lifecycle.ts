/** What all parts of the server share about its life. */
import type { ServerResponse } from "node:http";

export class Lifecycle {
  #draining = false;

  get draining(): boolean {
    return this.#draining;
  }

  drain(): void {
    this.#draining = true;
  }

  /** Called before an answer is written: while draining it is the last one on its connection. */
  prepare(res: ServerResponse): void {
    if (this.#draining) res.shouldKeepAlive = false;
  }
}
