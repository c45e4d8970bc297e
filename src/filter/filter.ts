/** A compiled filter. Pure and total: it never throws, and an evaluation that fails does not match. */
import type { Event } from "../event/event.ts";

export interface Filter {
  matches(event: Event): boolean;
}
