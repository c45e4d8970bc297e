import type { Dialect } from "./dialect.ts";

/** `{ "not": FILTER }`: the nested filter does not match; so it matches where an attribute is missing. */
export const not: Dialect = (argument, scope) => {
  const nested = scope.nested(argument, scope.at);
  return (event) => !nested(event);
};
