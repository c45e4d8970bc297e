/**
 * The second output of an evaluation: what went wrong (CloudEvents SQL 1.0.0 §3.3). The language is total: an error
 * never stands for a value, every operation that adds one still yields a value. An evaluation that meets no error
 * allocates nothing here.
 */

/** Errors of evaluation. A ParseError is thrown when the expression is compiled; GenericError has no case here. */
export type EvaluationErrorKind = "math" | "cast" | "missingAttribute" | "missingFunction" | "functionEvaluation";

export interface EvaluationError {
  readonly kind: EvaluationErrorKind;
  /** Where the operand or call stands in the expression, in UTF-16 code units from 0. */
  readonly offset: number;
}

export interface ErrorList {
  /** Whether the outcome is settled: operators that need not evaluate their right side then don't. */
  readonly stopped: boolean;
  add(kind: EvaluationErrorKind, offset: number): void;
}

/** Complete evaluation mode (§4.1): evaluation goes on after an error, and each is kept. */
export class CompleteErrors implements ErrorList {
  readonly stopped = false;
  readonly errors: EvaluationError[] = [];

  add(kind: EvaluationErrorKind, offset: number): void {
    this.errors.push({ kind, offset });
  }
}

/**
 * Fail fast mode (§4.1): the first error decides. Evaluation is free of effects, so what still runs on the way out shows
 * only in time. One instance serves any number of evaluations, one at a time.
 */
export class FirstError implements ErrorList {
  error: EvaluationError | undefined = undefined;

  get stopped(): boolean {
    return this.error !== undefined;
  }

  add(kind: EvaluationErrorKind, offset: number): void {
    this.error ??= { kind, offset };
  }
}
