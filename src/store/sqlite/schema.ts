/**
 * The tables of the store. What is parked lives for a second and dies again, and each page that a commit touches costs
 * its bytes, twice. So a delivery is one row, whose event and newest attempt are part of it, and a parked row stands in
 * two indexes only. What would make rewriting it dear stands apart: a large event, and older attempts.
 *
 * `seq` grows with the time of the first row, which is what lists page by. `due_at` is the next attempt of a parked
 * delivery, or the next try to forward a dead letter. A malformed message has no event identity, so `event_id` is null
 * for it alone. Attempts are JSON of `AttemptRecord`, numbered by `n` over the whole life of the delivery;
 * `last_attempt` is the newest one that was not cut off, and has number `last_n`.
 *
 * A parked row, and a dead one that `blocks`, holds its `order_key`; only those stand in the index by key, so that a
 * subscription without order pays nothing for it. A parked row without `due_at` waits behind another of its key.
 */
export const migrations = [
  `
  CREATE TABLE resource (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) WITHOUT ROWID;

  CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    subscription TEXT NOT NULL,
    position TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('parked', 'dead')),
    attempts INTEGER NOT NULL,
    first_attempt_at INTEGER,
    last_attempt_at INTEGER,
    due_at INTEGER,
    reason TEXT,
    detail TEXT,
    died_at INTEGER,
    forwarded_at INTEGER,
    event_id TEXT,
    event_source TEXT,
    event_type TEXT,
    attempt_count INTEGER NOT NULL,
    last_n INTEGER,
    last_attempt TEXT,
    record BLOB
  );
  CREATE INDEX delivery_parked ON delivery (subscription, due_at) WHERE state = 'parked';
  CREATE INDEX delivery_dead ON delivery (subscription) WHERE state = 'dead';
  CREATE INDEX delivery_forwarding ON delivery (subscription, due_at) WHERE state = 'dead' AND due_at IS NOT NULL;
  CREATE INDEX delivery_dead_event ON delivery (event_id, event_source) WHERE state = 'dead';

  CREATE TABLE large_event (
    delivery INTEGER PRIMARY KEY,
    record BLOB NOT NULL
  );

  CREATE TABLE older_attempt (
    delivery INTEGER NOT NULL,
    n INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
  ) WITHOUT ROWID;
  `,
  `
  ALTER TABLE delivery ADD COLUMN order_key TEXT;
  ALTER TABLE delivery ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE delivery ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE delivery ADD COLUMN unclean_stops INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE delivery ADD COLUMN attempting INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX delivery_key ON delivery (subscription, order_key, seq)
    WHERE order_key IS NOT NULL AND (state = 'parked' OR blocks = 1);
  CREATE INDEX delivery_attempting ON delivery (subscription) WHERE attempting = 1;
  `,
  `
  CREATE INDEX delivery_blocking ON delivery (subscription) WHERE blocks = 1;
  CREATE INDEX delivery_scheduled ON delivery (subscription) WHERE scheduled = 1;
  `,
];
