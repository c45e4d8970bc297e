/**
 * Positions as text: `<generation>-<sequence>`, e.g. `1cs1aog5w8v4s-42`. The generation is the time at which the stream
 * was created, in nanoseconds, base 36: a stream that was deleted and created again has another one.
 */
import { type Position, TransportError } from "../../src/transport/port.ts";

const POSITION = /^([0-9a-z]{1,16})-([1-9]\d{0,15})$/;

/** `created` as the server says it: RFC 3339 with up to nine digits of a second. */
export function generationOf(created: string): string {
  const fraction = /\.(\d{1,9})/.exec(created)?.[1] ?? "";
  const seconds = Math.floor(Date.parse(created) / 1_000);
  return (BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"))).toString(36);
}

export function formatPosition(generation: string, sequence: number): Position {
  return `${generation}-${sequence}`;
}

/** The sequence, or undefined when the position is none of this generation. */
export function sequenceOf(position: Position, generation: string): number | undefined {
  const match = POSITION.exec(position);
  return match?.[1] === generation ? Number(match[2]) : undefined;
}

/** Throws `invalid` when the position is none of this generation. */
export function requireSequence(position: Position, generation: string): number {
  const sequence = sequenceOf(position, generation);
  if (sequence !== undefined) return sequence;
  throw new TransportError("invalid", `The position "${position}" is none of this stream; use one that it gave out`);
}
