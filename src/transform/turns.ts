/** A queue in which keys take turns: one that has much waiting makes others wait for one of its items at most. */
export class Turns<Item> {
  readonly #lanes = new Map<string, Set<Item>>();

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  add(key: string, item: Item): void {
    const lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, new Set([item]));
    else lane.add(item);
  }

  delete(key: string, item: Item): void {
    const lane = this.#lanes.get(key);
    lane?.delete(item);
    if (lane?.size === 0) this.#lanes.delete(key);
  }

  /** Takes the oldest item of the key whose turn it is. */
  next(): Item | undefined {
    for (const [key, lane] of this.#lanes) {
      this.#lanes.delete(key);
      for (const item of lane) {
        lane.delete(item);
        if (lane.size > 0) this.#lanes.set(key, lane); // behind the others
        return item;
      }
    }
    return undefined;
  }

  /** Takes everything. */
  clear(): readonly Item[] {
    const items = [...this.#lanes.values()].flatMap((lane) => [...lane]);
    this.#lanes.clear();
    return items;
  }
}
