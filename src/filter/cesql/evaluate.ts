/**
 * What a node of the tree compiles to. Values travel as plain JavaScript values from closure to closure, so an
 * evaluation without error allocates nothing but the strings that functions build.
 */
import type { Event } from "../../event/event.ts";
import { CompleteErrors, type ErrorList } from "./error-list.ts";
import type { Value } from "./value.ts";

/**
 * `undefined` is a missing attribute, already in the error list. Only an attribute by itself yields it: the operation
 * around it answers with the zero value of its own type, and tries no cast (CloudEvents SQL 1.0.0 §3.2).
 */
export type Evaluate<T extends Value | undefined = Value | undefined> = (event: Event, errors: ErrorList) => T;

export interface Compiled {
  readonly evaluate: Evaluate;
  /** The value, when it is the same for every event and comes without error. */
  readonly constant: Value | undefined;
  /** Of the node in the expression. */
  readonly offset: number;
}

export function constant(value: Value, offset: number): Compiled {
  return { evaluate: () => value, constant: value, offset };
}

/** An operation on operands: evaluated now, once, when all of them are constant and no error comes of it. */
export function operation(evaluate: Evaluate, operands: readonly Compiled[], offset: number): Compiled {
  if (operands.every((operand) => operand.constant !== undefined)) {
    const errors = new CompleteErrors();
    const value = evaluate(NO_EVENT, errors);
    if (value !== undefined && errors.errors.length === 0) return constant(value, offset);
  }
  return { evaluate, constant: undefined, offset };
}

/** Constant operands look at no event. */
const NO_EVENT: Event = { id: "", source: "", type: "", attributes: [], data: undefined, structured: undefined };
