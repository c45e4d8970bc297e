/**
 * Why a subscription is failing, or that it is not. Each aspect is reported by whoever knows it; the most telling one
 * that is set is the reason shown.
 */
import { FAILING_AFTER_ATTEMPTS } from "../limits.ts";

/** In the order of how much they tell. */
const ASPECTS = ["store", "receive", "bound", "attempts"] as const;
type Aspect = (typeof ASPECTS)[number];

export class Health {
  readonly #faults = new Map<Aspect, string>();
  readonly #onChange: (failing: string | undefined) => void;
  #failuresInARow = 0;
  lastError: string | undefined;

  /** `onChange` is told when health turns bad, and when it is good again. */
  constructor(onChange: (failing: string | undefined) => void) {
    this.#onChange = onChange;
  }

  get failing(): string | undefined {
    if (this.#faults.size === 0) return undefined;
    for (const aspect of ASPECTS) {
      const fault = this.#faults.get(aspect);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  report(aspect: Aspect, fault: string | undefined): void {
    const wasFailing = this.#faults.size > 0;
    if (fault !== undefined) this.#faults.set(aspect, fault);
    else if (!wasFailing || !this.#faults.delete(aspect)) return;
    if (wasFailing !== this.#faults.size > 0) this.#onChange(this.failing);
  }

  delivered(): void {
    this.#failuresInARow = 0;
    this.report("attempts", undefined);
  }

  failed(error: string): void {
    this.lastError = error;
    this.#failuresInARow += 1;
    if (this.#failuresInARow < FAILING_AFTER_ATTEMPTS) return;
    this.report("attempts", `the last ${this.#failuresInARow} attempts failed: ${error}`);
  }
}
