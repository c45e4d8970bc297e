import type { Dialect } from "./dialect.ts";
import { every, nestedList } from "./predicates.ts";

/** `{ "all": [ FILTER, ... ] }`: every nested filter matches. */
export const all: Dialect = (argument, scope) => every(nestedList(argument, scope));
