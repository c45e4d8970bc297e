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
  // A byte for each status rather than a set of numbers: there may be ten thousand subscriptions, each with its own.
  const retried = new Uint8Array(STATUS_MAX - STATUS_MIN + 1);
  patterns.forEach((pattern, index) => {
    const [first, last] = rangeOf(pattern, joinPointer(at, index));
    retried.fill(1, first - STATUS_MIN, last - STATUS_MIN + 1);
  });
  return (status) => status < STATUS_MIN || status > STATUS_MAX || retried[status - STATUS_MIN] === 1;
}

function rangeOf(pattern: string, at: string): readonly [first: number, last: number] {
  if (/^[345]xx$/.test(pattern)) {
    const first = Number(pattern[0]) * 100;
    return [first, first + 99];
  }
  const status = /^\d{3}$/.test(pattern) ? Number(pattern) : Number.NaN;
  if (status === GONE) {
    throw faultAt("invalid-request", at, "410 can't be retried: with it a sink asks to be left alone");
  }
  if (status >= STATUS_MIN && status <= STATUS_MAX) return [status, status];
  const text = JSON.stringify(pattern);
  throw faultAt("invalid-request", at, `${text} is not a status from 300 to 599, or one of 3xx, 4xx, 5xx`);
}
