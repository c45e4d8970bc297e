/**
 * The tables of the embedded log.
 *
 * A topic's `id` is its generation: AUTOINCREMENT never gives a number twice, so a topic that is deleted and created
 * again never repeats a position. `first` is the oldest event that is kept and `next` the number of the event to come;
 * neither is derived from the blocks that are left, so no number is given twice either. A deleted topic has no address
 * and stays until its last block is gone.
 *
 * A block holds what one commit stored for one topic: events `first` to `first + count - 1`, their records back to back
 * in `body`, which stands last so that nothing else has to be read past it.
 *
 * A group has read everything below `next` except `open` (a JSON array of numbers): what it was handed and has not
 * settled; what lies before `began` never was its to receive. While `in_use`, a process consumes it and the row may be
 * older than what was handed out.
 *
 * A topic with `dedupe` remembers which events it has stored, also those that retention has removed since. A row of
 * identities is of events `first`, `first + 1`, ... of one commit: 16 bytes for each, back to back (`identity.ts`). Rows
 * are only added at the end and removed at the beginning, so that remembering costs one more page in a commit however many
 * events are remembered; what finds an identity among them is an index in memory (`identity-index.ts`).
 */
export const migrations = [
  `
  CREATE TABLE embedded_topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT UNIQUE,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    settings TEXT NOT NULL
  );
  CREATE TABLE embedded_blocks (
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL
  );
  CREATE UNIQUE INDEX embedded_blocks_position ON embedded_blocks (topic, first);
  CREATE TABLE embedded_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    name TEXT NOT NULL,
    began INTEGER NOT NULL,
    next INTEGER NOT NULL,
    open TEXT NOT NULL,
    skipped INTEGER NOT NULL,
    in_use INTEGER NOT NULL,
    UNIQUE (topic, name)
  );
  `,
  `
  CREATE TABLE embedded_identities (
    topic INTEGER NOT NULL,
    first INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    identities BLOB NOT NULL,
    PRIMARY KEY (topic, first)
  ) WITHOUT ROWID;
  `,
] as const;
