/** One line of the result. */
export interface Measurement {
  /** The row that it belongs to, as `--rows` names it. */
  readonly row: string;
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
  /** What is at best possible on this machine in this run, or what it is compared with. */
  readonly ceiling?: { readonly name: string; readonly value: number };
  readonly target?: { readonly text: string; readonly met: boolean };
  /** Figures that explain the value. */
  readonly details?: Readonly<Record<string, number>>;
}

/** What could not be measured, and why. */
export interface Skipped {
  readonly row: string;
  readonly name: string;
  readonly skipped: string;
}

type Unit = "/s" | "ms" | "µs" | "MiB" | "events" | "×";

/** The middle one of an odd number of rounds. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function atLeast(value: number, bound: number, text: string): { readonly text: string; readonly met: boolean } {
  return { text: `≥ ${text}`, met: value >= bound };
}

export function atMost(value: number, bound: number, text: string): { readonly text: string; readonly met: boolean } {
  return { text: `≤ ${text}`, met: value <= bound };
}
