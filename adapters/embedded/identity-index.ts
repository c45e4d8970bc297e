/**
 * Finds the numbers of events by their identity: a hash table with open addressing in 12 bytes a slot, since a million
 * events have to fit. It holds four bytes of each identity, so it only names candidates; whoever asks compares the rest
 * with what is stored. That is also why it need not be told of a rollback: numbers that were never given are candidates
 * that turn out to be none. What matters is that nothing that is stored is missing.
 *
 * Numbers below `floor` are forgotten. Their slots are taken again by new events, and a table that has filled up is built
 * anew without them.
 */
const FIRST_SLOTS = 1_024;
/** The share of slots that are filled when the table is built anew: longer chains cost more than the memory is worth. */
const FULL = 0.75;
/** The most that is filled then, so that it lasts for a while. */
const HALF_FULL = 0.5;
const EMPTY = 0;

export class IdentityIndex {
  #numbers = new Float64Array(FIRST_SLOTS);
  #keys = new Uint32Array(FIRST_SLOTS);
  #filled = 0;
  floor = 1;

  /** `number` is at least 1. */
  add(identities: Buffer, offset: number, number: number): void {
    if (this.#filled >= this.#numbers.length * FULL) this.#rebuild();
    this.#put(identities.readUInt32LE(offset), number);
  }

  /** The first candidate that is the same. */
  find(identities: Buffer, offset: number, isSame: (number: number) => boolean): number | undefined {
    const key = identities.readUInt32LE(offset);
    const mask = this.#numbers.length - 1;
    for (let slot = key & mask; ; slot = (slot + 1) & mask) {
      const number = this.#numbers[slot] ?? EMPTY;
      if (number === EMPTY) return undefined;
      if (this.#keys[slot] === key && number >= this.floor && isSame(number)) return number;
    }
  }

  #put(key: number, number: number): void {
    const mask = this.#numbers.length - 1;
    let slot = key & mask;
    for (let held = this.#numbers[slot] ?? EMPTY; held >= this.floor; held = this.#numbers[slot] ?? EMPTY) {
      slot = (slot + 1) & mask;
    }
    if (this.#numbers[slot] === EMPTY) this.#filled += 1;
    this.#numbers[slot] = number;
    this.#keys[slot] = key;
  }

  #rebuild(): void {
    const [numbers, keys] = [this.#numbers, this.#keys];
    let kept = 0;
    for (const number of numbers) if (number >= this.floor) kept += 1;
    let slots = FIRST_SLOTS;
    while (kept > slots * HALF_FULL) slots *= 2;
    this.#numbers = new Float64Array(slots);
    this.#keys = new Uint32Array(slots);
    this.#filled = 0;
    for (const [slot, number] of numbers.entries()) if (number >= this.floor) this.#put(keys[slot] ?? 0, number);
  }
}
