/**
 * The common part of `exact`, `prefix` and `suffix` (CloudEvents Subscriptions API §3.2.4.1): a map from attribute to
 * value. All entries must hold, comparison is case-sensitive on canonical strings, and an attribute that the event
 * does not have holds nothing.
 */
import { attributeOf, type Event } from "../event/event.ts";
import { validateName } from "../event/rules.ts";
import { isObject } from "../json-value.ts";
import { joinPointer } from "../pointer.ts";
import { type Dialect, type Predicate, refuse } from "./dialect.ts";
import { every, onAttributes } from "./predicates.ts";

type Comparison = (value: string, operand: string) => boolean;

/** The dialect whose entries hold when `compare(attribute's value, written value)` does. */
export function attributeDialect(compare: Comparison): Dialect {
  return (argument, scope) => {
    if (!isObject(argument)) throw refuse(scope.at, 'must map attributes to values, such as { "type": "com.example" }');
    const entries = Object.entries(argument);
    if (entries.length === 0) throw refuse(scope.at, "must name at least one attribute");
    scope.count(entries.length - 1);
    return every(
      entries.map(([name, operand]) => condition(name, readOperand(name, operand, scope.at), scope.at, compare)),
    );
  };
}

function condition(name: string, operand: string, at: string, compare: Comparison): Predicate {
  const problem = validateName(name);
  if (problem !== undefined) throw refuse(joinPointer(at, name), `attribute ${JSON.stringify(name)} ${problem}`);
  const read = reader(name);
  return onAttributes((event) => {
    const value = read(event);
    return value !== undefined && compare(value, operand);
  });
}

function readOperand(name: string, operand: unknown, at: string): string {
  const fault = joinPointer(at, name);
  if (typeof operand === "number" || typeof operand === "boolean") {
    throw refuse(fault, `must be a string: write "${operand}" (attributes are compared as canonical strings)`);
  }
  if (typeof operand !== "string") throw refuse(fault, "must be a string");
  if (operand === "") throw refuse(fault, "must not be empty");
  return operand;
}

/** The three identity attributes are fields of the event; going through the list for them would be most of the time. */
function reader(name: string): (event: Event) => string | undefined {
  if (name === "type") return (event) => event.type;
  if (name === "source") return (event) => event.source;
  if (name === "id") return (event) => event.id;
  return (event) => attributeOf(event, name);
}
