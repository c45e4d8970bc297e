/** What a change of a subscription is refused for. */
import { PulsebusError } from "../errors.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";

/** Its name is free again, and nothing of it can be changed, until the transport has confirmed that it is gone. */
export function checkNotDeleting(entry: SubscriptionEntry): void {
  if (entry.state !== "deleting") return;
  throw new PulsebusError("conflict", `subscription "${entry.id}" is being deleted: ${entry.reason}`);
}

/** Of the entry that has the id, if any. */
export function checkFree(entry: SubscriptionEntry | undefined): void {
  if (entry === undefined) return;
  checkNotDeleting(entry);
  throw new PulsebusError("conflict", `subscription "${entry.id}" exists: change it with PUT`, { at: "/id" });
}

export function checkWritable(entry: SubscriptionEntry): void {
  const { origin } = entry.record;
  if (origin === "api") return;
  if (origin === "internal") {
    const message = `subscription "${entry.id}" fills the archive of topic "${entry.subscription.topic}", and goes with it`;
    throw new PulsebusError("read-only", message);
  }
  throw new PulsebusError(
    "read-only",
    `subscription "${entry.id}" belongs to the configuration file: change it there and restart`,
  );
}

export function checkRevision(entry: SubscriptionEntry, revision: number | undefined): void {
  if (revision === undefined || revision === entry.revision) return;
  throw new PulsebusError(
    "precondition-failed",
    `subscription "${entry.id}" is at revision ${entry.revision} by now: read it again and repeat the change`,
  );
}

export function checkSameIdentity(entry: SubscriptionEntry, subscription: Subscription): void {
  if (subscription.id !== entry.id) {
    throw new PulsebusError("conflict", `the id is "${entry.id}" and can't be changed`, { at: "/id" });
  }
  if (subscription.topic !== entry.subscription.topic) {
    throw new PulsebusError(
      "conflict",
      `subscription "${entry.id}" reads topic "${entry.subscription.topic}", which can't be changed: create another one`,
      { at: "/topic" },
    );
  }
}
