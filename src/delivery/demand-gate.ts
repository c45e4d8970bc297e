/** Lets through what a sink has asked for. */
import type { Demand } from "../sink/port.ts";
import type { Gate } from "./gate.ts";

export class DemandGate implements Gate {
  readonly #demand: Demand;

  constructor(demand: Demand) {
    this.#demand = demand;
  }

  allowance(): number {
    return this.#demand.wanted;
  }

  opensAt(): undefined {
    return undefined;
  }

  started(): void {}

  ended(): void {}
}
