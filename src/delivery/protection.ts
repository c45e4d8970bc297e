/** The gates that a subscription's attempts pass, put together from its policy and its sink. */
import { BREAKER_REJECTS } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Demand } from "../sink/port.ts";
import type { DeliveryPolicy } from "../subscription/subscription.ts";
import { Breaker, type BreakerState } from "./breaker.ts";
import { DemandGate } from "./demand-gate.ts";
import { Gates } from "./gate.ts";
import { Pace } from "./pace.ts";
import { TokenBucket } from "./rate-limit.ts";

export class Protection {
  readonly gates: Gates;
  readonly #breakers: readonly Breaker[];
  readonly #leave: () => void;

  /** `onOpen` is called when attempts may be possible again. */
  constructor(
    policy: DeliveryPolicy,
    sink: { readonly originBreaker: Breaker; readonly demand: Demand | undefined },
    clock: Clock,
    onOpen: () => void,
  ) {
    const { originBreaker, demand } = sink;
    const { breaker, rateLimit, maxInFlight } = policy;
    // What the sink refuses in a row, of this subscription alone: others may suit it better. Who pulls asks for the next.
    const own = demand === undefined ? [new Breaker({ ...breaker, failures: BREAKER_REJECTS }, ["refused"])] : [];
    const bucket = rateLimit && new TokenBucket(rateLimit, clock.now());
    this.#breakers = [originBreaker, ...own];
    const asked = demand && new DemandGate(demand);
    const some = [bucket, asked].filter((gate) => gate !== undefined);
    this.gates = new Gates([...this.#breakers, new Pace(maxInFlight), ...some], clock, onOpen);
    this.#leave = originBreaker.onChange(onOpen);
    demand?.onChange(onOpen);
  }

  /** The state of the breaker that holds most back. */
  get breaker(): BreakerState {
    const states = this.#breakers.map(({ state }) => state);
    return states.find((state) => state === "open") ?? states.find((state) => state === "half-open") ?? "closed";
  }

  /** Whether nothing may start now. */
  isClosed(now: number): boolean {
    return this.gates.allowance(now) < 1;
  }

  close(): void {
    this.gates.close();
    this.#leave();
  }
}
