/** The subscription that keeps a copy of a topic whose transport can't be read again. */
import { ATTEMPTS_MAX, DEAD_LETTERS_MAX } from "../limits.ts";
import { archiveOf } from "./names.ts";
import { resolveSubscription } from "./resolve.ts";
import type { DeliveryInput, Subscription } from "./subscription.ts";

/** It goes on for as long as anything can: what it gives up is missing from the archive. */
const DELIVERY: DeliveryInput = {
  retry: { maxAttempts: ATTEMPTS_MAX, maxAge: "90d", backoff: { initial: "100ms", max: "5s" } },
  maxDeadLetters: DEAD_LETTERS_MAX,
};

/** Its names are reserved, so it is not made from what a user could write. */
export function archiveSubscription(topic: string): Subscription {
  const id = archiveOf(topic);
  const target = { kind: "topic", topic: id } as const;
  const resolved = resolveSubscription({ topic, sink: "pull:", delivery: DELIVERY }, { id: () => topic });
  return { ...resolved, id, sink: target, input: { id, topic, sink: `topic:${id}`, delivery: DELIVERY } };
}
