import { murmur2 } from "@platformatic/kafka";

const POSITIVE = 0x7f_ff_ff_ff;

/**
 * The partition of a key as every client derived from the Java one has it, so that our events and those of other
 * producers of a key are in one partition. Without a key: the given turn, among the partitions that have a leader.
 */
export function partitionOf(key: Buffer | undefined, leaders: readonly number[], turn: number): number {
  if (key !== undefined) return (murmur2(key) & POSITIVE) % leaders.length;
  const led = [...leaders.keys()].filter((partition) => (leaders[partition] ?? -1) >= 0);
  return led[turn % led.length] ?? 0;
}
