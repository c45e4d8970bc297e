/** The limits of this adapter, with their units and reasons. */
export const LIMITS = {
  /** What a broker takes for one batch when nobody says otherwise, rounded down (`message.max.bytes`). */
  eventBytes: 1_000_000,
  /** What a batch takes on top of its records, at most. */
  batchOverheadBytes: 64 * 1024,
  /** An administrative or group request, retries of a moving coordinator included; each answers in milliseconds. */
  requestMs: 10_000,
  /** A produce or fetch request is given up, and its client replaced: Kafka's client waits for a dead socket for ever. */
  stallMs: 5_000,
  /** The pause before something that failed is tried again: short, so that work resumes soon after an outage. */
  retryMs: 250,
  /** How long the broker holds a fetch that finds nothing; one that waits also delays what the client asks next. */
  fetchWaitMs: 500,
  /** Of one fetch, and of one partition in it. */
  fetchBytes: 1024 * 1024,
  /** How long the broker may hold a fetch for records that are known to be there. */
  presentWaitMs: 100,
  /** Decoded events that wait to be received, and their bytes; one more page may come on top. */
  mailboxEvents: 512,
  mailboxBytes: 2 * 1024 * 1024,
  /** As Kafka's own clients have them: three heartbeats may be lost, and more. */
  heartbeatMs: 3_000,
  sessionMs: 30_000,
  rebalanceMs: 5_000,
  /** A settled event is committed at the latest after this; a crash repeats what was settled since. */
  commitMs: 100,
  /** The same for events that were only passed over. */
  passMs: 1_000,
  /** What a group keeps beside each offset; brokers take 4,096 (`offset.metadata.max.bytes`). */
  noteBytes: 4_000,
  /** Publishes that wait for a request, of one topic; more are `throttled`. */
  queueBytes: 64 * 1024 * 1024,
  /** Newest records of a topic that `find` looks at. */
  findRecords: 20_000,
  /** What a record takes on top of its names and values, at most. */
  recordOverheadBytes: 64,
  headerOverheadBytes: 8,
} as const;
