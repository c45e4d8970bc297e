import { hash } from "node:crypto";
import type { Position } from "../transport/port.ts";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** 128 bits of the hash are kept: 21 characters of six bits, and two bits. Standard Webhooks forbids dots in ids. */
const WHOLE_CHARS = 21;
const TWO_BITS = 0b110000;

/**
 * The identity of a delivery: a hash of subscription and position, the same for every attempt, redelivery and restart.
 * Not of the event's own id, since one event may legally be published twice.
 */
export function deliveryId(subscription: string, position: Position): string {
  const digest = hash("sha256", `${subscription}\0${position}`, "base64url");
  const last = BASE64URL.indexOf(digest.charAt(WHOLE_CHARS)) & TWO_BITS;
  return `dlv_${digest.slice(0, WHOLE_CHARS)}${BASE64URL.charAt(last)}`;
}
