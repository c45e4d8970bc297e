import type { Dialect } from "./dialect.ts";

/** `{ "not": FILTER }`: the nested filter does not match; so it matches where an attribute is missing. */
export const not: Dialect = (argument, scope) => {
  const { test, readsData } = scope.nested(argument, scope.at);
  return { test: (event) => !test(event), readsData };
};
