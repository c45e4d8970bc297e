/** What a filter dialect is: a function that compiles the argument of its keyword once, at creation. */
import type { Event } from "../event/event.ts";
import { faultAt } from "../pointer.ts";
import type { FilterErrors } from "./filter-errors.ts";

/** Total: it never throws, and false where an evaluation fails. */
export type Test = (event: Event) => boolean;

/** A compiled filter. */
export interface Predicate {
  readonly test: Test;
  /** Whether it may parse the data of the event: then it is asked after all that look at attributes only. */
  readonly readsData: boolean;
}

/** What a dialect may use while it compiles. */
export interface Scope {
  /** JSON pointer of the dialect's argument; every error names a place in it. */
  readonly at: string;
  /** Where evaluations that fail are counted. */
  readonly errors: FilterErrors;
  /** Compiles a nested filter; counts towards the limits of nesting and number. */
  nested(filter: unknown, at: string): Predicate;
  /** Counts work that an evaluation may do, beyond the filter itself. */
  count(nodes: number): void;
  /** Notes what is allowed and probably not meant; the message is about the argument. */
  warn(message: string): void;
}

/** Throws `invalid-request`, at the JSON pointer of the fault, for an argument that the dialect does not accept. */
export type Dialect = (argument: unknown, scope: Scope) => Predicate;

export function refuse(at: string, message: string): Error {
  return faultAt("invalid-request", at, message);
}
