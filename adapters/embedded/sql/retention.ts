/** The operation of retention: removes the oldest blocks that nobody holds, a few at a time. */
import { type Connection, type Operation, OperationError } from "../../../src/sqlite/module.ts";

export interface Cut {
  readonly topic: number;
  readonly maxBlocks: number;
  readonly maxBytes: number;
  /** What was stored before this is too old. */
  readonly expiredBefore: number;
  /** Events from here on are unread by a healthy group. Infinite when there is none. */
  readonly heldFrom: number;
  /** Whether the size of the log goes before healthy groups. */
  readonly dropOldest: boolean;
  /** Events from here on are unread by a group that is paused, failing or detached; held only within the two below. */
  readonly boundedFrom: number;
  readonly boundedSince: number;
  readonly boundedBytes: number;
}

export interface CutResult {
  readonly first: number;
  readonly bytes: number;
  readonly oldestAt: number | undefined;
  /** Whether there may be more to cut: the bound on blocks ended it. */
  readonly more: boolean;
}

interface BlockBounds {
  readonly id: number;
  readonly first: number;
  readonly count: number;
  readonly stored_at: number;
  readonly bytes: number;
}

export function retentionWrites(connection: Connection): Readonly<Record<string, Operation>> {
  const topicOf = connection.prepare<{ first: number; bytes: number }>(
    "SELECT first, bytes FROM embedded_topics WHERE id = ? AND address IS NOT NULL",
  );
  const oldest = connection.prepare<BlockBounds>(
    `SELECT id, first, count, stored_at, bytes FROM embedded_blocks WHERE topic = ? ORDER BY first LIMIT ?`,
  );
  const remove = connection.prepare("DELETE FROM embedded_blocks WHERE id = ?");
  const update = connection.prepare("UPDATE embedded_topics SET first = ?, bytes = ? WHERE id = ?");
  return {
    "embedded.cut": (cut: Cut) => {
      const topic = topicOf.get(cut.topic);
      if (topic === undefined) throw new OperationError("not_found", "the topic does not exist any more");
      let { first, bytes } = topic;
      let removed = 0;
      for (const block of oldest.all(cut.topic, cut.maxBlocks)) {
        if (!mayGo(block, bytes, cut)) break;
        remove.run(block.id);
        first = block.first + block.count;
        bytes -= block.bytes;
        removed += 1;
      }
      if (removed > 0) update.run(first, bytes, cut.topic);
      const oldestAt = oldest.all(cut.topic, 1)[0]?.stored_at;
      return { result: { first, bytes, oldestAt, more: removed === cut.maxBlocks } satisfies CutResult };
    },
  };
}

/** Whether the oldest block of a log of `bytes` goes. */
function mayGo(block: BlockBounds, bytes: number, cut: Cut): boolean {
  const tooLarge = bytes > cut.maxBytes;
  if (!tooLarge && block.stored_at >= cut.expiredBefore) return false;
  const end = block.first + block.count;
  if (end > cut.heldFrom && !(tooLarge && cut.dropOldest)) return false;
  const isHeldWithinBounds = block.stored_at >= cut.boundedSince && bytes <= cut.boundedBytes;
  return end <= cut.boundedFrom || !isHeldWithinBounds;
}
