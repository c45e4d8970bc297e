/** What the server tells of a delivery, in the subject to which it wants the ack (ADR-15 of nats-architecture-and-design). */
import type { ConsumerInfo } from "@nats-io/jetstream";

export interface Delivery {
  /** Of the message in its stream. */
  readonly sequence: number;
  /** How often the group was handed it. */
  readonly count: number;
  /** Of all deliveries to the group, repeated ones too, from 1. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
}

/** `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<time>.<pending>` */
const OLD_TOKENS = 9;
const COUNT_AT = 4;
const SEQUENCE_AT = 5;
const NUMBER_AT = 6;
const TIME_AT = 7;
/** Newer servers have the domain and the account in front of the stream. */
const NEW_SHIFT = 2;

export function parseDelivery(reply: string): Delivery {
  const tokens = reply.split(".");
  const shift = tokens.length === OLD_TOKENS ? 0 : NEW_SHIFT;
  return {
    sequence: Number(tokens[SEQUENCE_AT + shift]),
    count: Number(tokens[COUNT_AT + shift]),
    number: Number(tokens[NUMBER_AT + shift]),
    storedAt: Math.floor(Number(tokens[TIME_AT + shift]) / 1_000_000),
  };
}

/** How long ago the server made its last delivery to the group, by its own clock; 0 when it does not tell. */
export function sinceDeliveryMs(info: ConsumerInfo): number {
  // The client's types have neither the time of the answer nor the right type of the other.
  const { ts, delivered } = info as { readonly ts?: unknown; readonly delivered: { readonly last_active?: unknown } };
  const ms = Date.parse(String(ts)) - Date.parse(String(delivered.last_active));
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
