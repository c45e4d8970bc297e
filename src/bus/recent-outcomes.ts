/** Running attempts, and outcomes of the ring, as they are shown. */
import { deliveryId } from "../delivery/delivery-id.ts";
import type { OpenDelivery } from "../delivery/open-delivery.ts";
import type { Outcome } from "../delivery/outcome.ts";
import type { RecentOutcome } from "./bus.ts";

export function runningOutcome(attempt: OpenDelivery): RecentOutcome {
  return {
    deliveryId: attempt.id,
    eventId: attempt.event.id,
    eventSource: attempt.event.source,
    eventType: attempt.event.type,
    position: attempt.position,
    outcome: "in-flight",
    attempt: attempt.attempt,
    status: undefined,
    at: attempt.startedAt,
  };
}

export function recentOutcome(subscription: string, outcome: Outcome): RecentOutcome {
  return { ...outcome, deliveryId: outcome.deliveryId ?? deliveryId(subscription, outcome.position) };
}
