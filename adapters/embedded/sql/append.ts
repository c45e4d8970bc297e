/** The operation of the hot path: the blocks of one topic in one commit. */
import { type Connection, type Operation, OperationError } from "../../../src/sqlite/module.ts";

export interface AppendBlock {
  readonly buffer: ArrayBuffer;
  /** How much of the buffer is the body. */
  readonly bytes: number;
  readonly count: number;
}

export interface Append {
  readonly topic: number;
  readonly storedAt: number;
  readonly events: number;
  readonly bytes: number;
  readonly blocks: readonly AppendBlock[];
}

export interface Appended {
  /** The number of the first event. */
  readonly first: number;
  /** Of all blocks of the topic. */
  readonly topicBytes: number;
  /** Handed back to be filled again. */
  readonly buffers: readonly ArrayBuffer[];
}

export function appendWrites(connection: Connection): Readonly<Record<string, Operation>> {
  const advance = connection.prepare<{ next: number; bytes: number }>(
    `UPDATE embedded_topics SET next = next + ?, bytes = bytes + ? WHERE id = ? AND address IS NOT NULL
     RETURNING next, bytes`,
  );
  const insert = connection.prepare(
    "INSERT INTO embedded_blocks (topic, first, count, stored_at, bytes, body) VALUES (?, ?, ?, ?, ?, ?)",
  );
  return {
    "embedded.append": ({ topic, storedAt, events, bytes, blocks }: Append) => {
      const row = advance.get(events, bytes, topic);
      if (row === undefined) throw new OperationError("not_found", "the topic does not exist any more");
      const first = row.next - events;
      let number = first;
      for (const block of blocks) {
        const body = Buffer.from(block.buffer, 0, block.bytes);
        insert.run(topic, number, block.count, storedAt, block.bytes, body);
        number += block.count;
      }
      const buffers = blocks.map(({ buffer }) => buffer);
      return { result: { first, topicBytes: row.bytes, buffers } satisfies Appended, transfer: buffers };
    },
  };
}
