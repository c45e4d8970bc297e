/**
 * Evaluations that failed: the filter did not match, and not because of what it asks for. Counted in place, since a
 * filter that fails on each event looks like one that matches none. Plain counting, so a filter stays pure in its answer.
 */
import { dottedPath } from "../pointer.ts";
import type { EvaluationErrorKind } from "./cesql/error-list.ts";
import type { DataError } from "./data/json-data.ts";

/** The label of a metric, so the list is closed. */
export type FilterErrorKind = EvaluationErrorKind | DataError;

export class FilterErrors {
  readonly #counts = new Map<FilterErrorKind, number>();
  #last: { readonly kind: FilterErrorKind; readonly at: string; readonly offset: number | undefined } | undefined;

  /** `at` is the JSON pointer of the filter's argument, `offset` the place in an expression. */
  count(kind: FilterErrorKind, at: string, offset?: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#last = { kind, at, offset };
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get byKind(): Readonly<Partial<Record<FilterErrorKind, number>>> {
    return Object.fromEntries(this.#counts);
  }

  /** The last one in words, e.g. `filters[0].sql: missingAttribute at offset 3`. */
  get last(): string | undefined {
    if (this.#last === undefined) return undefined;
    const { kind, at, offset } = this.#last;
    return `${dottedPath(at)}: ${kind}${offset === undefined ? "" : ` at offset ${offset}`}`;
  }
}
