/**
 * Which offsets of one partition are still open, where the broker keeps a single number for a group: the next offset
 * to read. Offsets are received in ascending order, gaps allowed (compaction and transaction markers leave some), and
 * settled in any order. `floor` never passes an open offset, so a crash repeats events and loses none.
 *
 * One tracker belongs to one assignment of the partition and is dropped with it.
 */
export class OffsetTracker {
  /** In ascending order: a set keeps the order in which it was filled. */
  readonly #open = new Set<bigint>();
  #next: bigint;

  /** @param next The first offset that is owed: what the group has committed, or its start. */
  constructor(next: bigint) {
    this.#next = next;
  }

  /** The offset to read next: everything below was received or passed. */
  get next(): bigint {
    return this.#next;
  }

  /** The offset to commit: everything below is settled. Never moves back. */
  get floor(): bigint {
    const { value = this.#next } = this.#open.values().next();
    return value;
  }

  /** Ascending. */
  get open(): Iterable<bigint> {
    return this.#open;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Opens an offset. False: it was received or passed before (brokers answer whole batches), and is dropped. */
  receive(offset: bigint): boolean {
    if (offset < this.#next) return false;
    this.#next = offset + 1n;
    this.#open.add(offset);
    return true;
  }

  /** Nothing more is owed below `next`: events that did not match, markers, the end of a batch. */
  passTo(next: bigint): void {
    if (next > this.#next) this.#next = next;
  }

  isOpen(offset: bigint): boolean {
    return this.#open.has(offset);
  }

  /** False: it is not open. */
  settle(offset: bigint): boolean {
    return this.#open.delete(offset);
  }
}
