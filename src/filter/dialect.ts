/** What a filter dialect is: a function that compiles the argument of its keyword once, at creation. */
import type { Event } from "../event/event.ts";
import { faultAt } from "../pointer.ts";

export type Predicate = (event: Event) => boolean;

/** What a dialect may use while it compiles. */
export interface Scope {
  /** JSON pointer of the dialect's argument; every error names a place in it. */
  readonly at: string;
  /** Compiles a nested filter; counts towards the limits of nesting and number. */
  nested(filter: unknown, at: string): Predicate;
  /** Counts work that an evaluation may do, beyond the filter itself. */
  count(nodes: number): void;
}

/** Throws `invalid-request`, at the JSON pointer of the fault, for an argument that the dialect does not accept. */
export type Dialect = (argument: unknown, scope: Scope) => Predicate;

export function refuse(at: string, message: string): Error {
  return faultAt("invalid-request", at, message);
}
