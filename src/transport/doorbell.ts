/** What one waiter sleeps on: until it is rung, or its signal is aborted. */
export class Doorbell {
  #ring: (() => void) | undefined;
  #watched: AbortSignal | undefined;

  /** Wakes who waits, in a microtask: what else arrives in this turn of the loop is found together with it. */
  ring(): void {
    this.#ring?.();
  }

  /** A caller that uses one signal for many waits pays for one listener. */
  wait(signal: AbortSignal): Promise<void> {
    this.#watch(signal);
    return new Promise((resolve) => {
      this.#ring = () => {
        this.#ring = undefined;
        resolve();
      };
    });
  }

  #watch(signal: AbortSignal): void {
    if (signal === this.#watched) return;
    this.#watched = signal;
    signal.addEventListener("abort", () => this.ring(), { once: true });
  }
}
