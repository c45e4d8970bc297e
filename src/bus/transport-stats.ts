/** Numbers that a transport tells about itself, in answers that must not wait for one that is away. */
import { STATS_MS_MAX } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";

/** What the transport tells, or `unknown` when it fails or takes too long. */
export async function toldInTime<T>(clock: Clock, telling: Promise<T>, unknown: T): Promise<T> {
  const late = Promise.withResolvers<T>();
  const cancel = clock.timer(STATS_MS_MAX, () => late.resolve(unknown));
  try {
    return await Promise.race([telling, late.promise]);
  } catch {
    return unknown;
  } finally {
    cancel();
  }
}
