/** A metric as a name and a function that reads its series; nothing here knows a metrics library. */
import type { HistogramSnapshot } from "./histogram.ts";

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Of a histogram: the family's name with its suffix. */
  readonly metricName?: string;
}

/** One metric name with all its series. */
export interface Family<Source> {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  samples(source: Source): Sample[];
}

/** The series of one histogram: cumulative buckets, sum and count (Prometheus exposition formats, "Histograms"). */
export function histogramSamples(name: string, { bounds, counts, sum }: HistogramSnapshot): Sample[] {
  let count = 0;
  const buckets = counts.map((inBucket, index) => {
    count += inBucket;
    const le = bounds[index];
    return { metricName: `${name}_bucket`, labels: { le: le === undefined ? "+Inf" : String(le) }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}

/** Adds histograms of the same bounds. */
export function mergeHistograms(
  bounds: readonly number[],
  histograms: readonly HistogramSnapshot[],
): HistogramSnapshot {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  let sum = 0;
  for (const histogram of histograms) {
    for (const [index, inBucket] of histogram.counts.entries()) counts[index] = (counts[index] ?? 0) + inBucket;
    sum += histogram.sum;
  }
  return { bounds, counts, sum };
}
