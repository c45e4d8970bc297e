/** The result for people: the conditions, and a table. */
import type { Conditions } from "./conditions.ts";
import type { Measurement, Skipped } from "./measurement.ts";

export function describeConditions(conditions: Conditions, sizes: string): string {
  const { date, commit, cores, cpu, memoryGiB, node, kernel, fileSystem, fsyncMicros, loadAverage } = conditions;
  return [
    `Pulsebus benchmark of ${commit}, ${date}, ${sizes}`,
    `${cores} × ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, load average before ${loadAverage.toFixed(2)}`,
    `data on ${fileSystem}, fdatasync of 4 KiB: p50 ${fsyncMicros.p50} µs, p99 ${fsyncMicros.p99} µs`,
    "load, sink, server and ceilings are processes of their own on these cores; each is warmed up before it is measured",
  ].join("\n");
}

const COLUMNS = ["", "measured", "beside", "ratio", "target", ""] as const;

export function describeMeasurements(measurements: readonly (Measurement | Skipped)[]): string {
  const rows = [[...COLUMNS], ...measurements.map(cellsOf)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

/** Numbers are aligned at their right, texts at their left. */
function pad(cell: string, width: number, column: number): string {
  return column === 1 || column === 3 ? cell.padStart(width) : cell.padEnd(width);
}

function cellsOf(line: Measurement | Skipped): string[] {
  return "skipped" in line ? [line.name, "skipped", line.skipped, "", "", ""] : cellsOfMeasurement(line);
}

function cellsOfMeasurement({ name, value, unit, ceiling, target, details = {} }: Measurement): string[] {
  const explained = Object.entries(details).map(([key, detail]) => `${key} ${format(detail)}`);
  return [
    name,
    `${format(value)} ${unit}`,
    ceiling === undefined ? "" : `${format(ceiling.value)} ${unit} ${ceiling.name}`,
    ceiling === undefined ? "" : (value / ceiling.value).toFixed(2),
    target === undefined ? "" : `${target.text} ${target.met ? "✓" : "✗"}`,
    explained.join(", "),
  ];
}

function format(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || value >= 1_000) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(value < 10 ? 2 : 1);
}
