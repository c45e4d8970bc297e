/** Names of topics and subscriptions: parts of URLs, files and broker addresses, so of the safest characters only. */
import { NAME_CHARS_MAX } from "../limits.ts";
import { faultAt } from "../pointer.ts";

/** 1 to 255 of `A-Z a-z 0-9 . _ -`; `.` and `..` are left out because a URL can't hold them as a path segment. */
const NAME = new RegExp(`^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,${NAME_CHARS_MAX}}$`);
const RESERVED_PREFIX = "pulsebus.";
/** The reserved topic with the bus's own events; anyone may subscribe to it. */
export const OPS_TOPIC = "pulsebus.ops";

/** Reserved topics, and the subscriptions that fill them: what the bus itself keeps of a topic. */
const ARCHIVE_PREFIX = "pulsebus.archive.";

const NAME_FORM = `write 1 to ${NAME_CHARS_MAX} letters, digits, dots, underscores or hyphens`;

export function checkSubscriptionId(id: string, at: string): string {
  if (!NAME.test(id)) throw faultAt("invalid-request", at, `${quote(id)} is not a subscription's id: ${NAME_FORM}`);
  if (isArchive(id)) throw faultAt("invalid-request", at, `ids that start with "${ARCHIVE_PREFIX}" are reserved`);
  return id;
}

/** The name of a topic's archive, and of the subscription that fills it. */
export function archiveOf(topic: string): string {
  return ARCHIVE_PREFIX + topic;
}

export function isArchive(name: string): boolean {
  return name.startsWith(ARCHIVE_PREFIX);
}

/** A topic that users may create and publish to. Throws `invalid-request`, also for reserved names. */
export function checkTopicName(name: string, at: string): string {
  if (!NAME.test(name)) throw faultAt("invalid-request", at, `${quote(name)} is not a topic's name: ${NAME_FORM}`);
  if (name.startsWith(RESERVED_PREFIX)) {
    throw faultAt("invalid-request", at, `names that start with "${RESERVED_PREFIX}" are reserved`);
  }
  return name;
}

/** A topic that users may read: one of theirs, or the bus's own events. */
export function checkReadableTopicName(name: string, at: string): string {
  return name === OPS_TOPIC ? name : checkTopicName(name, at);
}

function quote(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
