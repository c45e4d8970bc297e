import { type Dialect, refuse } from "../dialect.ts";
import { onAttributes } from "../predicates.ts";
import { Expression } from "./expression.ts";
import { ParseError } from "./parse-error.ts";

/**
 * `{ "sql": "type LIKE 'com.example.%' AND priority > 3" }` (CloudEvents Subscriptions API §3.2.4.1, "sql"). An event
 * does not pass when the value is no Boolean or an error occurs, as by a missing attribute: ask `EXISTS name AND ...`
 * first. AND, OR and XOR have one precedence and group to the right, which is warned about where they are mixed.
 */
export const sql: Dialect = (argument, scope) => {
  if (typeof argument !== "string") throw refuse(scope.at, 'must be a CESQL expression, such as "priority > 3"');
  const expression = compileOrRefuse(argument, scope.at);
  scope.count(expression.nodes - 1);
  if (expression.mixedAt !== undefined) scope.warn(mixed(expression.mixedAt));
  return onAttributes((event) => {
    const matches = expression.matches(event);
    const { error } = expression;
    if (error !== undefined) scope.errors.count(error.kind, scope.at, error.offset);
    return matches;
  });
};

function mixed(offset: number): string {
  return (
    `AND, OR and XOR are mixed without parentheses at offset ${offset}: they have one precedence and group to the right, ` +
    "so `a AND b OR c` means `a AND (b OR c)`; write the parentheses"
  );
}

function compileOrRefuse(source: string, at: string): Expression {
  try {
    return new Expression(source);
  } catch (error) {
    throw error instanceof ParseError ? refuse(at, error.message) : error;
  }
}
