import type { Clock } from "../../src/runtime/clock.ts";

/** Calls back every `periodMs` until it is cancelled. */
export function every(clock: Clock, periodMs: number, callback: () => void): () => void {
  let cancel = clock.timer(periodMs, tick);
  function tick(): void {
    cancel = clock.timer(periodMs, tick);
    callback();
  }
  return () => cancel();
}
