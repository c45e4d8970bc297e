/** What became of recent attempts: kept in memory for people who look, lost at a restart. */
import { OUTCOME_RING_MAX } from "../limits.ts";
import { Ring } from "./ring.ts";

/** One line of the ring of recent outcomes. Holds no event, whose data may be large. */
export interface Outcome {
  /** Undefined for one that had no row: it follows from the position, and is made when somebody looks. */
  readonly deliveryId: string | undefined;
  readonly eventId: string;
  readonly eventSource: string;
  readonly eventType: string;
  readonly position: string;
  readonly attempt: number;
  readonly outcome: "delivered" | "retry" | "dead-lettered" | "loop-dropped";
  readonly status: number | undefined;
  readonly at: number;
}

export function outcomeRing(): Ring<Outcome> {
  return new Ring<Outcome>(OUTCOME_RING_MAX);
}
