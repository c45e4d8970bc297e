/** What an event's own times say about delivering it (CloudEvents extensions `deliverytime` and `expirytime`). Pure. */
import { attributeOf, type Event } from "../event/event.ts";
import { timestampMs } from "../event/timestamp.ts";

/** The event is not to be delivered before this, milliseconds since the epoch. */
export function deliveryTimeOf(event: Event): number | undefined {
  return timeOf(event, "deliverytime");
}

/** Whether the event is not to be delivered any more. */
export function isExpired(event: Event, now: number): boolean {
  const expiry = timeOf(event, "expirytime");
  return expiry !== undefined && expiry <= now;
}

/** A value that is no timestamp asks for nothing: an extension is the publisher's business, and no reason to refuse. */
function timeOf(event: Event, name: string): number | undefined {
  const value = attributeOf(event, name);
  return value === undefined ? undefined : timestampMs(value);
}
