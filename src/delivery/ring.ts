/** The last `capacity` things, oldest overwritten first; grows only as it is used. */
export class Ring<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: T): void {
    if (this.#items.length < this.#capacity) this.#items.push(item);
    else this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Newest first. */
  newestFirst(): T[] {
    const oldestFirst =
      this.#items.length < this.#capacity
        ? this.#items
        : [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
    return oldestFirst.toReversed();
  }
}
