/** The operation of the hot path: the blocks of one topic in one commit. */
import { type Connection, type Operation, OperationError } from "../../../src/sqlite/module.ts";
import type { Body, Duplicate, Identities } from "./identities.ts";

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
  /** On a topic with `dedupe`: what was stored after this is not stored again. */
  readonly dedupeSince: number | undefined;
}

export interface Appended {
  /** The number of the first event. */
  readonly first: number;
  /** Of all blocks of the topic. */
  readonly topicBytes: number;
  /** What was not stored, in the order of the events; the others have numbers from `first` on. Undefined: all were. */
  readonly duplicates: readonly Duplicate[] | undefined;
  /** Handed back to be filled again. */
  readonly buffers: readonly ArrayBuffer[];
}

interface TopicState {
  readonly next: number;
  readonly bytes: number;
}

export function appendWrites(connection: Connection, identities: Identities): Readonly<Record<string, Operation>> {
  const stateOf = connection.prepare<TopicState>(
    "SELECT next, bytes FROM embedded_topics WHERE id = ? AND address IS NOT NULL",
  );
  const advance = connection.prepare<TopicState>(
    `UPDATE embedded_topics SET next = next + ?, bytes = bytes + ? WHERE id = ? AND address IS NOT NULL
     RETURNING next, bytes`,
  );
  const insert = connection.prepare(
    "INSERT INTO embedded_blocks (topic, first, count, stored_at, bytes, body) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const store = (topic: number, storedAt: number, first: number, bodies: readonly Body[]): void => {
    let number = first;
    for (const { bytes, count } of bodies) {
      insert.run(topic, number, count, storedAt, bytes.length, bytes);
      number += count;
    }
  };
  const appendAll = ({ topic, storedAt, events, bytes }: Append, bodies: readonly Body[]) => {
    const state = existing(advance.get(events, bytes, topic));
    const first = state.next - events;
    store(topic, storedAt, first, bodies);
    return { first, topicBytes: state.bytes, duplicates: undefined };
  };
  const appendNew = ({ topic, storedAt }: Append, all: readonly Body[], since: number) => {
    const before = existing(stateOf.get(topic));
    const { next: first } = before;
    const { bodies, duplicates, identities: fresh } = identities.sift(all, { topic, next: first, since });
    const [events, bytes] = sizeOf(bodies);
    if (events === 0) return { first, topicBytes: before.bytes, duplicates };
    const { bytes: topicBytes } = existing(advance.get(events, bytes, topic));
    store(topic, storedAt, first, bodies);
    identities.remember(topic, first, storedAt, fresh);
    return { first, topicBytes, duplicates: duplicates.length === 0 ? undefined : duplicates };
  };
  return {
    "embedded.append": (append: Append) => {
      const { blocks, dedupeSince } = append;
      const bodies = blocks.map(({ buffer, bytes, count }) => ({ bytes: Buffer.from(buffer, 0, bytes), count }));
      const buffers = blocks.map(({ buffer }) => buffer);
      const appended = dedupeSince === undefined ? appendAll(append, bodies) : appendNew(append, bodies, dedupeSince);
      return { result: { ...appended, buffers } satisfies Appended, transfer: buffers };
    },
  };
}

function existing(state: TopicState | undefined): TopicState {
  if (state === undefined) throw new OperationError("not_found", "the topic does not exist any more");
  return state;
}

function sizeOf(bodies: readonly Body[]): readonly [events: number, bytes: number] {
  let [events, size] = [0, 0];
  for (const { bytes, count } of bodies) {
    events += count;
    size += bytes.length;
  }
  return [events, size];
}
