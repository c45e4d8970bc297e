/** CESQL, the CloudEvents SQL expression language 1.0.0: an expression, compiled once, evaluated for every event. */
import type { Event } from "../../event/event.ts";
import { compile } from "./compile.ts";
import { CompleteErrors, type EvaluationError, FirstError } from "./error-list.ts";
import type { Evaluate } from "./evaluate.ts";
import { parse } from "./parser.ts";
import { type Value, zeroOf } from "./value.ts";

export interface Evaluation {
  readonly value: Value;
  readonly errors: readonly EvaluationError[];
}

/** Pure and total: an evaluation never throws, and has the same outcome for the same event. */
export class Expression {
  /** Operations, attributes and literals: a measure of the work of one evaluation. */
  readonly nodes: number;
  /** Where AND, OR or XOR first follows another one of them without parentheses between, if anywhere. */
  readonly mixedAt: number | undefined;
  readonly #evaluate: Evaluate;
  readonly #firstError = new FirstError();

  /** Throws ParseError, and nothing else, for a text that is no expression or exceeds the limits. */
  constructor(source: string) {
    const { root, nodes, mixedAt } = parse(source);
    this.nodes = nodes;
    this.mixedAt = mixedAt;
    this.#evaluate = compile(root).evaluate;
  }

  /** As a filter predicate (§1.2): whether the value is the Boolean `true`, and there is no error. */
  matches(event: Event): boolean {
    this.#firstError.error = undefined;
    return this.#evaluate(event, this.#firstError) === true && this.#firstError.error === undefined;
  }

  /** Why the last call of `matches` failed, or undefined. */
  get error(): EvaluationError | undefined {
    return this.#firstError.error;
  }

  /** Complete evaluation mode (§4.1): the value, and every error on the way to it. */
  evaluate(event: Event): Evaluation {
    const list = new CompleteErrors();
    return { value: this.#evaluate(event, list) ?? MISSING, errors: list.errors };
  }

  /** Fail fast mode (§4.1): after the first error, that error and the zero value of the expression's type. */
  evaluateFailFast(event: Event): Evaluation {
    const first = new FirstError();
    const value = this.#evaluate(event, first) ?? MISSING;
    return first.error === undefined ? { value, errors: [] } : { value: zeroOf(value), errors: [first.error] };
  }
}

/** The value of a missing attribute that no operation surrounds: a Boolean, as its type can't be known (§3.2). */
const MISSING = false;
