/** Which HTTP statuses of a sink are tried again, compiled from patterns such as `503` and `5xx`. */
import { faultAt, joinPointer } from "../pointer.ts";

const STATUS_MIN = 300;
const STATUS_MAX = 599;
const GONE = 410;

/**
 * A test for statuses that are neither 2xx nor 410. A status outside 300 to 599 is no HTTP: it says nothing about the
 * event, so it is tried again. Throws `invalid-request` at the pattern that is none.
 */
export function compileRetryOn(patterns: readonly string[], at: string): (status: number) => boolean {
  const retried = new Set<number>();
  patterns.forEach((pattern, index) => {
    for (const status of statusesOf(pattern, joinPointer(at, index))) retried.add(status);
  });
  return (status) => status < STATUS_MIN || status > STATUS_MAX || retried.has(status);
}

function statusesOf(pattern: string, at: string): readonly number[] {
  if (/^[345]xx$/.test(pattern)) {
    const first = Number(pattern[0]) * 100;
    return Array.from({ length: 100 }, (_, offset) => first + offset);
  }
  const status = /^\d{3}$/.test(pattern) ? Number(pattern) : Number.NaN;
  if (status === GONE) {
    throw faultAt("invalid-request", at, "410 can't be retried: with it a sink asks to be left alone");
  }
  if (status >= STATUS_MIN && status <= STATUS_MAX) return [status];
  throw faultAt(
    "invalid-request",
    at,
    `${JSON.stringify(pattern)} is not a status from 300 to 599, or one of 3xx, 4xx, 5xx`,
  );
}
