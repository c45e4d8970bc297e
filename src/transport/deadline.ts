import type { Clock } from "../runtime/clock.ts";

/**
 * Waits until the work is done or has failed, but not beyond `deadline` (milliseconds since the epoch). Leaves no timer
 * behind.
 */
export function byDeadline(work: Promise<unknown>, deadline: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(Math.max(0, deadline - clock.now()), resolve);
    const done = (): void => {
      cancel();
      resolve();
    };
    work.then(done, done);
  });
}
