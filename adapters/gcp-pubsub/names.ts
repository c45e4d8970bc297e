/**
 * Names of topics and subscriptions. An address is the native id of a topic, or its full name where it is in another
 * project. A subscription's id is `pulsebus~<topic>~<group>`, each part percent-encoded, since subscriptions of all
 * topics share the project's names; one that would be too long is `pulsebus~~<hash>`.
 */
import { createHash } from "node:crypto";
import { TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

const TOPIC_ID = /^(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}$/;
const TOPIC_NAME = /^projects\/[^/]+\/topics\/([^/]+)$/;
const PREFIX = "pulsebus~";

/** The full name. Throws `invalid` for what can't be the id of a topic. */
export function topicName(projectId: string, address: string): string {
  const name = TOPIC_NAME.exec(address);
  if (TOPIC_ID.test(name?.[1] ?? address)) return name === null ? `projects/${projectId}/topics/${address}` : address;
  throw new TransportError(
    "invalid",
    `"${address}" can't be a Pub/Sub topic: an id has 3 to 255 of A-Z a-z 0-9 . _ ~ + % -, begins with a letter and not ` +
      "with goog. Give the topic another `address`",
  );
}

export function subscriptionName(projectId: string, address: string, group: string): string {
  const id = `${PREFIX}${escapePart(address)}~${escapePart(group)}`;
  const short = id.length <= LIMITS.nameChars ? id : `${PREFIX}~${createHash("sha256").update(id).digest("hex")}`;
  return subscriptionsOf(projectId) + short;
}

/** Whether a bus made this subscription in this project. */
export function isOurs(projectId: string, subscription: string): boolean {
  return subscription.startsWith(subscriptionsOf(projectId) + PREFIX);
}

function subscriptionsOf(projectId: string): string {
  return `projects/${projectId}/subscriptions/`;
}

function escapePart(text: string): string {
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*~]/g, hex);
}
