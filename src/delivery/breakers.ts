/** One circuit breaker for each origin that events are delivered to, for as long as a subscription delivers there. */
import type { BreakerPolicy, SinkAddress } from "../subscription/subscription.ts";
import { Breaker } from "./breaker.ts";

interface Shared {
  readonly breaker: Breaker;
  users: number;
}

export class Breakers {
  readonly #byOrigin = new Map<string, Shared>();

  /** The breaker of this sink's origin; the policy is that of whoever asks first. `leave` is called once, in the end. */
  join(sink: SinkAddress, policy: BreakerPolicy): { readonly breaker: Breaker; readonly leave: () => void } {
    const origin = originOf(sink);
    const shared = this.#byOrigin.get(origin) ?? { breaker: new Breaker(policy, ["down"]), users: 0 };
    shared.users += 1;
    this.#byOrigin.set(origin, shared);
    const leave = (): void => {
      shared.users -= 1;
      if (shared.users === 0) this.#byOrigin.delete(origin);
    };
    return { breaker: shared.breaker, leave };
  }
}

function originOf(sink: SinkAddress): string {
  if (sink.kind === "webhook") return new URL(sink.url).origin;
  return sink.kind === "topic" ? `topic:${sink.topic}` : "pull:";
}
