import { type Clock, sleep } from "../../src/runtime/clock.ts";

/** Waits for `work`, but not beyond `deadline` (milliseconds since the epoch). Leaves no timer behind. */
export async function beforeDeadline(work: Promise<unknown>, deadline: number, clock: Clock): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, sleep(clock, Math.max(0, deadline - clock.now()), done.signal)]);
  done.abort();
}

/** Calls back every `periodMs` until it is cancelled. */
export function every(clock: Clock, periodMs: number, callback: () => void): () => void {
  let cancel = clock.timer(periodMs, tick);
  function tick(): void {
    cancel = clock.timer(periodMs, tick);
    callback();
  }
  return () => cancel();
}
