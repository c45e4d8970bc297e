/** Bounds the series of a metric: a label never has more than `METRIC_RESOURCES_MAX` values and `other`. */
import { METRIC_RESOURCES_MAX } from "../limits.ts";
import type { Sample } from "./family.ts";

/** The label of everything beyond the bound. A resource can have this name too; it is then summed with the rest. */
const OTHER = "other";

/** Which names keep series of their own: the first ones, so that a name keeps its series while others come. */
export function namedLabels(names: Iterable<string>): (name: string) => string {
  const kept = new Set<string>();
  for (const name of names) {
    if (kept.size >= METRIC_RESOURCES_MAX) break;
    kept.add(name);
  }
  return (name) => (kept.has(name) ? name : OTHER);
}

/** Adds the samples that have the same labels, which are given in the same order. */
export function summed(samples: Iterable<Sample>, combine: (a: number, b: number) => number = add): Sample[] {
  const series = new Map<string, Sample>();
  for (const sample of samples) {
    const key = Object.values(sample.labels).join("\n");
    const before = series.get(key);
    series.set(key, before === undefined ? sample : { ...sample, value: combine(before.value, sample.value) });
  }
  return [...series.values()];
}

function add(a: number, b: number): number {
  return a + b;
}
