import type { Clock } from "../../src/runtime/clock.ts";
import { TransportError } from "../../src/transport/port.ts";

/** Rejects with `timeout` when the work takes longer; Kafka's client waits for a dead socket for ever. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, what: string): Promise<T> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.timer(Math.max(0, ms), () => reject(new TransportError("timeout", `${what}: no answer in time`)));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
