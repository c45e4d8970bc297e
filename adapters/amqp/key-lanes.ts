/**
 * Order by key: the next event of a key is sent after the confirmation of the one before, since a broker that refuses
 * one message of a channel takes the next. Events of different keys, and those without one, are pipelined.
 */
export class KeyLanes<T> {
  /** What waits behind the event of each key that is under way. */
  readonly #lanes = new Map<string, T[]>();

  /** Whether it may be sent now; otherwise it waits, and `leave` answers it in its turn. */
  enter(key: string, item: T): boolean {
    const waiting = this.#lanes.get(key);
    waiting?.push(item);
    if (waiting === undefined) this.#lanes.set(key, []);
    return waiting === undefined;
  }

  /** The event of this key that is under way has ended: the next one, which is under way now. */
  leave(key: string): T | undefined {
    const next = this.#lanes.get(key)?.shift();
    if (next === undefined) this.#lanes.delete(key);
    return next;
  }
}
