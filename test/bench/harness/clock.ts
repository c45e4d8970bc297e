/** Microseconds of the machine's monotonic clock, which is the same in every process. */
export function monotonicMicros(): number {
  return BASE_MICROS + (performance.now() - BASE_MS) * 1_000;
}

const BASE_MS = performance.now();
const BASE_MICROS = Number(process.hrtime.bigint() / 1_000n);
