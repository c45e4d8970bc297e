/** The most that each of these may have so that they have `total` together: whoever has less keeps it. Infinite: no bound is needed. */
export function fairShare(counts: readonly number[], total: number): number {
  let left = total;
  let sharing = counts.length;
  for (const count of counts.toSorted((a, b) => a - b)) {
    const share = Math.floor(left / sharing);
    if (count > share) return share;
    left -= count;
    sharing -= 1;
  }
  return Number.POSITIVE_INFINITY;
}
