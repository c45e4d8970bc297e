/** The limits of this adapter, with their units and reasons. */
export const LIMITS = {
  /** One event with its headers; the server's own default of `max_payload`. */
  eventBytes: 1024 * 1024,
  /** Publishes without an answer, for one address: the server drops messages of a stream beyond 10,000 it has not stored. */
  publishWindow: 1_000,
  /** The client's own timer comes so much after ours, which answers. */
  clientGraceMs: 1_000,
  /** One attempt to connect, TLS included. */
  connectMs: 5_000,
  /** Pause between two attempts to connect: within the 5 s in which work goes on after a broker is back. */
  reconnectMs: 500,
  /** A silent peer is given up after two of these without an answer. */
  pingMs: 3_000,
  /** One request of the JetStream API, and how long it waits for a connection. */
  requestMs: 5_000,
  /** How long a pull waits at the server before it is asked again. */
  pullMs: 30_000,
  /** How often the server shows that it still knows a pull that waits; more than two missed ones end it. */
  heartbeatMs: 1_500,
  /** Pause before a consumer that met a fault starts over. */
  retryMs: 250,
  /** What a server that is busy may take, after `ack_wait` is over, to hand out again what nobody settled. */
  returnGraceMs: 250,
  /** The `ack_wait` of a consumer that says nothing of it: the server's own default. */
  ackWaitMs: 30_000,
  /** What a stream without `dedupe` remembers of native producers that send `Nats-Msg-Id`: the server's own default. */
  duplicateWindowMs: 120_000,
  /** Acks remembered, so that what is delivered again because an ack was lost is not handed out again. */
  ackedKept: 10_000,
} as const;
