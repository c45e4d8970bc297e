/** Where a start lies in a topic, as the number of the first event to read. */
import { type Connection, OperationError } from "../../../src/sqlite/module.ts";

export type StartNumber =
  | { readonly at: "latest" }
  | { readonly at: "earliest" }
  | { readonly at: "time"; readonly time: number }
  | { readonly at: "number"; readonly number: number };

interface Bounds {
  readonly first: number;
  readonly next: number;
}

interface BlockBounds {
  readonly first: number;
  readonly count: number;
  readonly stored_at: number;
}

/** Throws `not_found` for a topic that is gone, and `invalid` for a number that was not given yet. */
export function locator(connection: Connection): (topic: number, start: StartNumber) => number {
  const bounds = connection.prepare<Bounds>(
    "SELECT first, next FROM embedded_topics WHERE id = ? AND address IS NOT NULL",
  );
  const blockAt = connection.prepare<BlockBounds>(
    "SELECT first, count, stored_at FROM embedded_blocks WHERE topic = ? AND first <= ? ORDER BY first DESC LIMIT 1",
  );

  /** Blocks are stored in the order of time, so halving finds the place without an index on it. */
  function firstSince(topic: number, { first, next }: Bounds, time: number): number {
    let low = first;
    let high = next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const block = blockAt.get(topic, middle);
      if (block === undefined) low = middle + 1;
      else if (block.stored_at >= time) high = Math.max(low, block.first);
      else low = Math.max(middle + 1, block.first + block.count);
    }
    return low;
  }

  return (topic, start) => {
    const topicBounds = bounds.get(topic);
    if (topicBounds === undefined) throw new OperationError("not_found", "the topic does not exist any more");
    switch (start.at) {
      case "latest":
        return topicBounds.next;
      case "earliest":
        return topicBounds.first;
      case "time":
        return firstSince(topic, topicBounds, start.time);
      case "number":
        if (start.number > topicBounds.next) throw new OperationError("invalid", "the position was never given");
        return Math.max(start.number, topicBounds.first);
    }
  };
}
