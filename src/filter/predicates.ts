/** Combining predicates, and reading the list of filters that `all` and `any` take. */
import { joinPointer } from "../pointer.ts";
import { type Predicate, refuse, type Scope, type Test } from "./dialect.ts";

/** A predicate that looks at attributes only. */
export function onAttributes(test: Test): Predicate {
  return { test, readsData: false };
}

/** True when each one is; without a loop for the usual single one. */
export function every(predicates: readonly Predicate[]): Predicate {
  return combine(predicates, (tests) => (event) => {
    for (const test of tests) if (!test(event)) return false;
    return true;
  });
}

/** True when at least one is. */
export function some(predicates: readonly Predicate[]): Predicate {
  return combine(predicates, (tests) => (event) => {
    for (const test of tests) if (test(event)) return true;
    return false;
  });
}

/** The argument of `all` and `any`: at least one filter. */
export function nestedList(argument: unknown, scope: Scope): readonly Predicate[] {
  if (!Array.isArray(argument)) throw refuse(scope.at, "must be a list of filters");
  if (argument.length === 0) throw refuse(scope.at, "must have at least one filter");
  return argument.map((filter: unknown, index) => scope.nested(filter, joinPointer(scope.at, index)));
}

/** The order of the list has no meaning, so what needs no data comes first and may settle it. */
function combine(predicates: readonly Predicate[], loop: (tests: readonly Test[]) => Test): Predicate {
  const [only] = predicates;
  if (predicates.length === 1 && only !== undefined) return only;
  const cheapFirst = predicates.toSorted((a, b) => Number(a.readsData) - Number(b.readsData));
  return { test: loop(cheapFirst.map(({ test }) => test)), readsData: predicates.some(({ readsData }) => readsData) };
}
