/** Cases of the specification, and events to evaluate them on. */
import type { Attribute, Event } from "../../../../src/event/event.ts";
import type { Evaluation } from "../../../../src/filter/cesql/expression.ts";

type ErrorKind = Evaluation["errors"][number]["kind"];
/** Numbers become Integer, booleans Boolean attributes, as a JSON event carries them. */
type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface ValueCase {
  /** Of CloudEvents SQL 1.0.0. */
  readonly section: string;
  readonly expression: string;
  readonly value: Evaluation["value"];
  readonly errors: readonly ErrorKind[];
  readonly attributes: Attributes;
}

export interface FaultCase {
  readonly section: string;
  readonly expression: string;
  readonly offset: number;
  /** Part of the message. */
  readonly message: string;
}

/** Cases of one section: `gives(expression, value, errors, attributes)` and `refuses(expression, offset, message)`. */
export function cases(section: string) {
  return {
    gives: (
      expression: string,
      value: Evaluation["value"],
      errors: readonly ErrorKind[] = [],
      attributes: Attributes = {},
    ): ValueCase => ({ section, expression, value, errors, attributes }),
    refuses: (expression: string, offset: number, message: string): FaultCase => ({
      section,
      expression,
      offset,
      message,
    }),
  };
}

export function createEvent(attributes: Attributes = {}): Event {
  const all = { id: "1", source: "/shop", type: "com.example.created", ...attributes };
  const list = Object.entries(all).map(
    ([name, value]): Attribute => ({ name, type: typeOf(value), value: `${value}` }),
  );
  const { id, source, type } = all;
  return {
    id: `${id}`,
    source: `${source}`,
    type: `${type}`,
    attributes: list,
    data: undefined,
    structured: undefined,
  };
}

function typeOf(value: string | number | boolean): Attribute["type"] {
  if (typeof value === "number") return "integer";
  return typeof value === "boolean" ? "boolean" : "string";
}
