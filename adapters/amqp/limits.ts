/** The limits of this adapter, with their units and reasons. */
export const LIMITS = {
  /** Silence of the broker while a connection opens. Short: a reconnect after a cut must not hang in a dead attempt. */
  connectMs: 3_000,
  /** The first pause before connecting again; it doubles up to the second, which keeps recovery below 5 s. */
  reconnectMs: 100,
  reconnectCapMs: 1_000,
  /** How long after a connection was lost publishes still wait for the next one instead of failing at once. */
  blipMs: 2_000,
  /** One operation on topology, the wait for a connection included. */
  operationMs: 10_000,
  /** The same for `check`: longer than the longest pause and one attempt to connect. */
  checkMs: 5_000,
  /** Pause before a consumer that can't attach for a passing reason tries again. */
  attachMs: 250,
  /** How long a closing consumer waits until its acks are applied, and how often it looks. */
  settleMs: 5_000,
  settlePollMs: 10,
  /** Intervals of the heartbeat after which an owner of a group that still consumes is alive: the broker gives up after two. */
  ownerHeartbeats: 3,
  /** How often channels that nobody published on since the last time are closed. */
  idleChannelMs: 60_000,
  /** Messages in one return: a quorum queue has them in a map of Erlang, which keeps its order up to 32 (seen on 3.10). */
  returnMessages: 32,
  /** How long an event may stay unsettled: below the broker's `consumer_timeout`, 30 min, which can't be extended. */
  leaseMs: 25 * 60 * 1_000,
  /** `max_message_size` of RabbitMQ 4; 3.x has 128 MiB. */
  messageBytes: 16 * 1024 * 1024,
  /** A window of unsettled messages at most: AMQP has 16 bits for it. */
  windowMessages: 65_535,
} as const;
