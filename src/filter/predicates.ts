/** Combining predicates, and reading the list of filters that `all` and `any` take. */
import { joinPointer } from "../pointer.ts";
import { type Predicate, refuse, type Scope } from "./dialect.ts";

/** True when each one is; without a loop for the usual single one. */
export function every(predicates: readonly Predicate[]): Predicate {
  const [only] = predicates;
  if (predicates.length === 1 && only !== undefined) return only;
  return (event) => {
    for (const predicate of predicates) if (!predicate(event)) return false;
    return true;
  };
}

/** True when at least one is. */
export function some(predicates: readonly Predicate[]): Predicate {
  return (event) => {
    for (const predicate of predicates) if (predicate(event)) return true;
    return false;
  };
}

/** The argument of `all` and `any`: at least one filter. */
export function nestedList(argument: unknown, scope: Scope): readonly Predicate[] {
  if (!Array.isArray(argument)) throw refuse(scope.at, "must be a list of filters");
  if (argument.length === 0) throw refuse(scope.at, "must have at least one filter");
  return argument.map((filter: unknown, index) => scope.nested(filter, joinPointer(scope.at, index)));
}
