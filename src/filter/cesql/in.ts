/**
 * IN and NOT IN (CloudEvents SQL 1.0.0 §3.4.5). Elements are evaluated and cast to the type of the left operand one
 * after the other, up to the first that equals it.
 */
import type { Event } from "../../event/event.ts";
import type { In } from "./ast.ts";
import type { ErrorList } from "./error-list.ts";
import { type Compiled, type Evaluate, operation } from "./evaluate.ts";
import { equals } from "./operators.ts";
import type { Value } from "./value.ts";

export function compileIn({ negated, offset }: In, operand: Compiled, elements: readonly Compiled[]): Compiled {
  const { evaluate } = operand;
  const texts = constantTexts(elements);
  const membership: Evaluate<boolean> = (event, errors) => {
    const value = evaluate(event, errors);
    if (value === undefined) return false;
    const found =
      typeof value === "string" && texts !== undefined ? texts.has(value) : isAmong(value, elements, event, errors);
    return found !== undefined && found !== negated;
  };
  return operation(membership, [operand, ...elements], offset);
}

/** `undefined` when a missing attribute is in the way. */
function isAmong(value: Value, elements: readonly Compiled[], event: Event, errors: ErrorList): boolean | undefined {
  for (const { evaluate, offset } of elements) {
    const element = evaluate(event, errors);
    if (element === undefined) return undefined;
    if (equals(element, value, errors, offset)) return true;
  }
  return false;
}

/** The elements as a String on the left sees them, when that is the same for every event. */
function constantTexts(elements: readonly Compiled[]): ReadonlySet<string> | undefined {
  const texts = new Set<string>();
  for (const { constant } of elements) {
    if (constant === undefined) return undefined;
    texts.add(String(constant));
  }
  return texts;
}
