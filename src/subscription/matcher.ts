/** What a subscription wants, compiled: exact types and source, which a dispatcher may index by, then the filters. */
import type { Filter } from "../filter/filter.ts";
import type { Matcher } from "../transport/port.ts";

export function createMatcher(
  types: readonly string[] | undefined,
  source: string | undefined,
  filter: Filter,
): Matcher {
  const wanted = types === undefined ? undefined : new Set(types);
  return {
    types: wanted === undefined ? undefined : [...wanted],
    source,
    matches: (event) =>
      (wanted === undefined || wanted.has(event.type)) &&
      (source === undefined || event.source === source) &&
      filter.matches(event),
  };
}
