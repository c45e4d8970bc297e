/**
 * The tables of the store.
 *
 * `delivery` is what changes with every attempt, kept small: its event stands apart in `delivery_event`, written once.
 * `seq` grows with the time of the first row, which is what lists page by. `due_at` is the next attempt of a parked
 * delivery, or the next try to forward a dead letter; one index serves both lanes. A malformed message has no event
 * identity, so `event_id` is null for it alone.
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
    event_type TEXT
  );
  CREATE INDEX delivery_due ON delivery (subscription, state, due_at);
  CREATE INDEX delivery_listed ON delivery (subscription, state, seq);
  CREATE INDEX delivery_event_identity ON delivery (event_id, event_source) WHERE event_id IS NOT NULL;

  CREATE TABLE delivery_event (
    delivery INTEGER PRIMARY KEY,
    record BLOB NOT NULL
  );

  CREATE TABLE attempt (
    delivery INTEGER NOT NULL,
    n INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    error TEXT,
    response TEXT,
    PRIMARY KEY (delivery, n)
  ) WITHOUT ROWID;
  `,
];
