/**
 * The ids of the benchmark's events: `RRRR-SSSSSSSSS-MMMMMMMMMMMMMMMM`, a run, a number that counts from 0 within it,
 * and when the event was sent (`monotonicMicros`). Whoever receives an event knows from its id alone which one it is,
 * so that losses and duplicates can be counted, and how long it travelled. The width is fixed, so that a prepared
 * request gets its id by writing digits into it.
 */
const RUN_DIGITS = 4;
const SEQUENCE_DIGITS = 9;
const MICROS_DIGITS = 16;
const SEQUENCE_AT = RUN_DIGITS + 1;
const MICROS_AT = SEQUENCE_AT + SEQUENCE_DIGITS + 1;

export const EVENT_ID_PLACEHOLDER = [
  "R".repeat(RUN_DIGITS),
  "S".repeat(SEQUENCE_DIGITS),
  "M".repeat(MICROS_DIGITS),
].join("-");

export interface EventId {
  readonly run: number;
  readonly sequence: number;
  readonly sentAtMicros: number;
}

export function writeEventId(target: Buffer, at: number, id: EventId): void {
  writeDigits(target, at, RUN_DIGITS, id.run);
  writeDigits(target, at + SEQUENCE_AT, SEQUENCE_DIGITS, id.sequence);
  writeDigits(target, at + MICROS_AT, MICROS_DIGITS, Math.floor(id.sentAtMicros));
}

export function readEventId(text: string, at: number): EventId {
  return {
    run: Number(text.slice(at, at + RUN_DIGITS)),
    sequence: Number(text.slice(at + SEQUENCE_AT, at + SEQUENCE_AT + SEQUENCE_DIGITS)),
    sentAtMicros: Number(text.slice(at + MICROS_AT, at + MICROS_AT + MICROS_DIGITS)),
  };
}

/** A decimal number with leading zeros. */
export function writeDigits(target: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let index = at + digits - 1; index >= at; index -= 1) {
    target[index] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
