/** The sink of one subscription: what came to it, how often, and at what pace it answers. */
import { setTimeout as sleep } from "node:timers/promises";
import { startReceiver, type TestReceiver } from "../../support/receiver.ts";

export class PacedSink {
  readonly #arrivals = new Map<string, number>();
  /** Arrivals that were not first attempts. */
  repeated = 0;
  /** Before each answer, milliseconds. */
  paceMs: number;
  #receiver: TestReceiver | undefined;

  constructor(paceMs: number) {
    this.paceMs = paceMs;
  }

  async open(stack: AsyncDisposableStack): Promise<string> {
    this.#receiver = await startReceiver(async ({ id = "?", headers }) => {
      this.#arrivals.set(id, (this.#arrivals.get(id) ?? 0) + 1);
      if (headers["pulsebus-attempt"] !== "1") this.repeated += 1;
      await sleep(this.paceMs);
      return 204;
    });
    stack.use(this.#receiver);
    return this.#receiver.url();
  }

  /** Different events. */
  get arrived(): number {
    return this.#arrivals.size;
  }

  get duplicates(): number {
    return [...this.#arrivals.values()].reduce((sum, count) => sum + count - 1, 0);
  }
}
