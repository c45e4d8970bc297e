import type { Dialect } from "./dialect.ts";
import { nestedList, some } from "./predicates.ts";

/** `{ "any": [ FILTER, ... ] }`: at least one nested filter matches. */
export const any: Dialect = (argument, scope) => some(nestedList(argument, scope));
