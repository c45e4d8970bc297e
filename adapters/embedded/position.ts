/** Positions as text: `<generation>-<number>`, e.g. `12-3456`; the generation is the id of the topic's row. */
import { type Position, TransportError } from "../../src/transport/port.ts";

const POSITION = /^([1-9]\d{0,14})-([1-9]\d{0,14})$/;

export function formatPosition(generation: number, number: number): Position {
  return `${generation}-${number}`;
}

/** The number, or undefined when the position is none of this generation. */
export function numberOf(position: Position, generation: number): number | undefined {
  const match = POSITION.exec(position);
  return match !== null && Number(match[1]) === generation ? Number(match[2]) : undefined;
}

/** Throws `invalid` when the position is none of this generation. */
export function requireNumber(position: Position, generation: number): number {
  const number = numberOf(position, generation);
  if (number !== undefined) return number;
  throw new TransportError("invalid", `The position "${position}" is none of this topic; use one that it gave out`);
}
