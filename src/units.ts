/**
 * Durations and sizes as users write them: a whole number and one unit, no fractions and no compounds, so that each
 * value has an obvious spelling (`90m`, not `1h30m` or `1.5h`). Sizes are binary and say so (`KiB`, never `KB`).
 */
import { faultAt } from "./pointer.ts";

const DURATION_UNITS = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const SIZE_UNITS = new Map([
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
]);

const DURATION_FORMS = "a whole number and a unit (ms, s, m, h, d), such as 250ms, 15s or 24h";
const SIZE_FORMS = "bytes, or a whole number and a unit (B, KiB, MiB, GiB, TiB), such as 1048576, 64KiB or 10GiB";

/** Milliseconds of `250ms`, `15s`, `2m`, `24h`, `7d`. Throws `invalid-request` at the JSON pointer `at`. */
export function parseDuration(text: string, at = ""): number {
  const ms = parse(text, DURATION_UNITS, undefined);
  if (ms === undefined) {
    throw faultAt("invalid-request", at, `${JSON.stringify(text)} is not a duration: write ${DURATION_FORMS}`);
  }
  return ms;
}

/** `parseDuration` that also refuses what is shorter than `minMs` or longer than `maxMs`. */
export function parseDurationBetween(text: string, minMs: number, maxMs: number, at: string): number {
  return within(parseDuration(text, at), minMs, maxMs, formatDuration, at);
}

/** The shortest spelling without loss: 90_000 is `90s`, 86_400_000 is `1d`. */
export function formatDuration(ms: number): string {
  return format(ms, DURATION_UNITS, "ms");
}

/** Bytes of `10GiB`, `64KiB`, `1048576`. Throws `invalid-request` at the JSON pointer `at`. */
export function parseSize(text: string, at = ""): number {
  const bytes = parse(text, SIZE_UNITS, "B");
  if (bytes === undefined) {
    throw faultAt("invalid-request", at, `${JSON.stringify(text)} is not a size: write ${SIZE_FORMS}`);
  }
  return bytes;
}

/** `parseSize` that also refuses what is smaller than `min` or larger than `max` bytes. */
export function parseSizeBetween(size: string | number, min: number, max: number, at: string): number {
  return within(parseSize(String(size), at), min, max, formatSize, at);
}

/** The shortest spelling without loss: 1_048_576 is `1MiB`, 1_000 is `1000B`. */
export function formatSize(bytes: number): string {
  return format(bytes, SIZE_UNITS, "B");
}

function parse(text: string, units: ReadonlyMap<string, number>, unitWhenAbsent: string | undefined) {
  const [, digits, unit] = /^(\d{1,16})([A-Za-z]*)$/.exec(text) ?? [];
  const factor = units.get(unit || (unitWhenAbsent ?? ""));
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isSafeInteger(value) ? value : undefined;
}

function within(value: number, min: number, max: number, show: (value: number) => string, at: string): number {
  if (value >= min && value <= max) return value;
  throw faultAt("invalid-request", at, `must be from ${show(min)} to ${show(max)}`);
}

function format(value: number, units: ReadonlyMap<string, number>, smallest: string): string {
  let best = `${value}${smallest}`;
  if (value === 0) return best;
  for (const [unit, factor] of units) if (value % factor === 0) best = `${value / factor}${unit}`;
  return best;
}
