/** Time, injected so that the whole engine can run on virtual time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; used for what is stored and shown. */
  now(): number;
  /** Milliseconds that only ever grow, with fractions; used for durations. */
  monotonic(): number;
  /** Calls back once after `delayMs`; the answer cancels it. */
  timer(delayMs: number, callback: () => void): () => void;
  /** Calls back once all events that are at hand have been handled: what piles up until then is dealt with together. */
  soon(callback: () => void): void;
}

/** Resolves after `delayMs`, or at once when the signal is aborted. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.timer(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Node's own limit of a timer; longer delays are taken in steps. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(delayMs, callback) {
    let remainingMs = Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const next = (): void => {
      const stepMs = Math.min(remainingMs, TIMER_MS_MAX);
      remainingMs -= stepMs;
      handle = setTimeout(() => (remainingMs > 0 ? next() : callback()), stepMs);
    };
    next();
    return () => clearTimeout(handle);
  },
  soon: (callback) => void setImmediate(callback),
};

/** Milliseconds since the epoch as RFC 3339 in UTC. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
