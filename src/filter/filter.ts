/** Filters: what users write, compiled once at creation into something cheap to ask for every event. */
import type { Event } from "../event/event.ts";
import { isObject } from "../json-value.ts";
import { FILTER_DEPTH_MAX, FILTER_NODES_MAX } from "../limits.ts";
import { dottedPath, joinPointer } from "../pointer.ts";
import { type Predicate, refuse } from "./dialect.ts";
import { DIALECTS } from "./dialects.ts";
import { FilterErrors } from "./filter-errors.ts";
import { every } from "./predicates.ts";

/** A compiled filter. Pure and total: it never throws, and an evaluation that fails does not match. */
export interface Filter {
  matches(event: Event): boolean;
  readonly errors: FilterErrors;
  /** What is allowed and probably not meant, each with its dotted path in front. */
  readonly warnings: readonly string[];
}

/**
 * Compiles the member `filters` of a subscription: all of the list must match, an empty list matches everything
 * (CloudEvents Subscriptions API §3.2.1, "filters"). Throws `invalid-request` with the JSON pointer of the fault, which
 * starts with `at`, e.g. `/filters/0/any/1/prefix/Type`.
 */
export function compileFilters(filters: readonly unknown[], at: string): Filter {
  const compiler = new Compiler();
  const { test } = every(filters.map((filter, index) => compiler.compile(filter, joinPointer(at, index), 1)));
  return { matches: test, errors: compiler.errors, warnings: compiler.warnings };
}

/** Counts over one whole list of filters, so that no spelling of it costs more than the limits say. */
class Compiler {
  readonly errors = new FilterErrors();
  readonly warnings: string[] = [];
  #nodes = 0;

  compile(filter: unknown, at: string, depth: number): Predicate {
    if (depth > FILTER_DEPTH_MAX) throw refuse(at, `filters may be nested ${FILTER_DEPTH_MAX} deep`);
    this.#count(1, at);
    const [name, argument] = readDialect(filter, at);
    const dialect = DIALECTS.get(name);
    if (dialect === undefined) {
      const known = [...DIALECTS.keys()].join(", ");
      throw refuse(joinPointer(at, name), `${JSON.stringify(name)} is not a filter dialect: there are ${known}`);
    }
    const argumentAt = joinPointer(at, name);
    return dialect(argument, {
      at: argumentAt,
      errors: this.errors,
      warn: (message) => this.warnings.push(`${dottedPath(argumentAt)}: ${message}`),
      nested: (inner, innerAt) => this.compile(inner, innerAt, depth + 1),
      count: (nodes) => this.#count(nodes, at),
    });
  }

  #count(nodes: number, at: string): void {
    this.#nodes += nodes;
    if (this.#nodes > FILTER_NODES_MAX)
      throw refuse(at, `a subscription may have ${FILTER_NODES_MAX} filter expressions`);
  }
}

function readDialect(filter: unknown, at: string): readonly [name: string, argument: unknown] {
  const entries = isObject(filter) ? Object.entries(filter) : [];
  const [entry] = entries;
  if (entry === undefined) throw refuse(at, 'must be an object with a dialect, such as { "exact": { "type": "a" } }');
  if (entries.length > 1) throw refuse(at, 'must have one dialect: combine several with { "all": [ ... ] }');
  return entry;
}
