/** What the server tells of a delivery, in the subject to which it wants the ack (ADR-15 of nats-architecture-and-design). */

export interface Delivery {
  /** Of the message in its stream. */
  readonly sequence: number;
  /** How often the group was handed it. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
}

/** `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<time>.<pending>` */
const OLD_TOKENS = 9;
const COUNT_AT = 4;
const SEQUENCE_AT = 5;
const TIME_AT = 7;
/** Newer servers have the domain and the account in front of the stream. */
const NEW_SHIFT = 2;

export function parseDelivery(reply: string): Delivery {
  const tokens = reply.split(".");
  const shift = tokens.length === OLD_TOKENS ? 0 : NEW_SHIFT;
  return {
    sequence: Number(tokens[SEQUENCE_AT + shift]),
    count: Number(tokens[COUNT_AT + shift]),
    storedAt: Math.floor(Number(tokens[TIME_AT + shift]) / 1_000_000),
  };
}
