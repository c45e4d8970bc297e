/** The limits of this adapter, with their units and reasons. The first ones are the service's (cloud.google.com/pubsub/quotas). */

export const LIMITS = {
  /** Of a publish request: 10 MB and 1,000 messages. The rest is room for the topic's name and the framing. */
  requestBytes: 9_950_000,
  requestMessages: 1_000,
  /** One message, so that it fits into a request of its own. */
  messageBytes: 9_900_000,
  /** Acks in one request; an ack id has up to 200 bytes, and a request 512 KiB. */
  requestAckIds: 1_000,
  orderingKeyBytes: 1_024,
  nameChars: 255,
  /** Unread events in memory for one consumer; half of it is pulled at once at least. */
  mailboxEvents: 500,
  /** Idle pulls of other consumers on one connection; HTTP/2 on Google's side takes 100 requests at once. */
  pullsPerConnection: 50,
  /** The service leases a message for this long when it hands it out: what a lost answer costs. Its minimum. */
  firstLeaseSeconds: 10,
  /** When the lease is first extended. */
  firstRenewalMs: 3_000,
  /** By how much it is then extended, and how often: an outage of half a minute repeats nothing. */
  leaseSeconds: 60,
  renewalMs: 20_000,
  leaseCheckMs: 1_000,
  /** One pull; its end and the probe after it are what tells an idle subscription from a dead connection. */
  pullTimeoutMs: 10_000,
  /** Any other call that has no deadline of its caller's. */
  callTimeoutMs: 5_000,
  /** A publish request: a large one on a slow line, and no longer, since a dead connection must be noticed. */
  publishTimeoutMs: 10_000,
  /** Between tries while the service can't be reached. */
  retryMs: 500,
  reconnectMs: { initial: 200, most: 2_000 },
} as const;
