/** What goes wrong in a run: by chance, or at one call that is counted off. */
import type { Mishap, Verdict } from "./circumstances.ts";
import type { Dice } from "./dice.ts";

export type FaultPlan =
  /** Everything, with rates that the seed picks. */
  | { readonly kind: "chance" }
  /** Nothing but this one, at the call of that number, counted from 1. With 0: nothing at all. */
  | { readonly kind: "call"; readonly number: number; readonly verdict: Verdict };

export const ALL_FAULTS: FaultPlan = { kind: "chance" };

const CALL_RATES = [0, 0.01, 0.05, 0.2];
const MISHAP_RATES = [0, 0.01, 0.05];
/** For each step. */
const CRASH_RATES = [0, 0, 0.000_3, 0.001, 0.003];

export class Faults {
  readonly #dice: Dice;
  readonly #plan: FaultPlan;
  readonly #rates = new Map<string, number>();
  readonly #crashRate: number;
  readonly counts = new Map<string, number>();
  /** Calls of store and transport by name. */
  readonly calls = new Map<string, number>();
  #isEnded = false;
  #callCount = 0;

  constructor(dice: Dice, plan: FaultPlan) {
    this.#dice = dice;
    this.#plan = plan;
    this.#crashRate = dice.pick(CRASH_RATES);
  }

  /** From now on nothing goes wrong. */
  end(): void {
    this.#isEnded = true;
  }

  crashesNow(): boolean {
    return this.#isByChance && this.#dice.chance(this.#crashRate);
  }

  verdict(call: string): Verdict {
    if (this.#isEnded) return "pass";
    count(this.calls, call);
    this.#callCount += 1;
    const verdict = this.#plan.kind === "chance" ? this.#byChance(call) : this.#byCount(this.#plan);
    if (verdict !== "pass") count(this.counts, `${call}: ${verdict}`);
    return verdict;
  }

  strikes(mishap: Mishap): boolean {
    const isStruck = this.#isByChance && this.#dice.chance(this.#rateOf(mishap, MISHAP_RATES));
    if (isStruck) count(this.counts, mishap);
    return isStruck;
  }

  get #isByChance(): boolean {
    return !this.#isEnded && this.#plan.kind === "chance";
  }

  #byChance(call: string): Verdict {
    return this.#dice.chance(this.#rateOf(call, CALL_RATES)) ? "fail" : "pass";
  }

  #byCount({ number, verdict }: Extract<FaultPlan, { kind: "call" }>): Verdict {
    return this.#callCount === number ? verdict : "pass";
  }

  /** Each kind of fault has a rate of its own in a run, so that one of them may be all that happens. */
  #rateOf(kind: string, rates: readonly number[]): number {
    const known = this.#rates.get(kind);
    if (known !== undefined) return known;
    const rate = this.#dice.pick(rates);
    this.#rates.set(kind, rate);
    return rate;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
