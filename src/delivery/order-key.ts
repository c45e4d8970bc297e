import { attributeOf, type Event } from "../event/event.ts";
import type { DeliveryPolicy } from "../subscription/subscription.ts";

/** What orders the deliveries of this event; undefined: nothing does. */
export function orderKeyOf({ ordering }: DeliveryPolicy, event: Event): string | undefined {
  return ordering === undefined ? undefined : attributeOf(event, ordering.attribute);
}
