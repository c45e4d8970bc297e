/** An event that is delivered once more, as the first row of a delivery of its own. Pure. */
import type { Event } from "../event/event.ts";
import type { Park } from "../store/port.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Position } from "../transport/port.ts";
import { deliveryTimeOf } from "./admission.ts";
import { deliveryId } from "./delivery-id.ts";
import { orderKeyOf } from "./order-key.ts";

/** The same for every try of the same replay, so that parking it again is harmless; never that of the first delivery. */
export function replayedRow(
  { id, policy }: Subscription,
  replay: string,
  { event, position }: { readonly event: Event; readonly position: Position },
  now: number,
): Park {
  const dueAt = Math.max(now, deliveryTimeOf(event) ?? now);
  const scheduled = dueAt > now;
  return {
    id: deliveryId(id, `${position}\0${replay}`),
    subscription: id,
    position,
    // What waits for its own time gets its place in the order when that has come.
    key: scheduled ? undefined : orderKeyOf(policy, event),
    attempts: 0,
    firstAttemptAt: undefined,
    lastAttemptAt: undefined,
    event,
    dueAt,
    attempt: undefined,
    scheduled,
    leased: false,
    uncleanStops: 0,
  };
}
