/** `Math.max` takes no offsets of 64 bits. */
export function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
