import { createHash } from "node:crypto";
import type { Position } from "../transport/port.ts";

/** Bytes of the hash that are kept: 128 bits, as 22 characters without a dot (Standard Webhooks forbids dots in ids). */
const ID_BYTES = 16;

/**
 * The identity of a delivery: a hash of subscription and position, the same for every attempt, redelivery and restart.
 * Not of the event's own id, since one event may legally be published twice.
 */
export function deliveryId(subscription: string, position: Position): string {
  const digest = createHash("sha256").update(subscription).update("\0").update(position).digest();
  return `dlv_${digest.subarray(0, ID_BYTES).toString("base64url")}`;
}
