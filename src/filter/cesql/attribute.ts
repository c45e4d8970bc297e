/** Access to the attributes of an event (CloudEvents SQL 1.0.0 §3.2) and EXISTS (§3.4.4). */
import type { Attribute, Event } from "../../event/event.ts";
import type { AttributeNode, Exists } from "./ast.ts";
import { parseInteger } from "./cast.ts";
import { type Compiled, constant } from "./evaluate.ts";
import type { Value } from "./value.ts";

/** Every event has them, and each is a String. */
const REQUIRED: ReadonlyMap<string, (event: Event) => string> = new Map([
  ["id", (event: Event) => event.id],
  ["source", (event: Event) => event.source],
  ["type", (event: Event) => event.type],
  ["specversion", () => "1.0"],
]);

export function compileAttribute({ name, offset }: AttributeNode): Compiled {
  const required = REQUIRED.get(name);
  if (required !== undefined) return { evaluate: required, constant: undefined, offset };
  return {
    evaluate: (event, errors) => {
      const attribute = find(event, name);
      if (attribute === undefined) errors.add("missingAttribute", offset);
      return attribute === undefined ? undefined : typedValue(attribute);
    },
    constant: undefined,
    offset,
  };
}

export function compileExists({ name, offset }: Exists): Compiled {
  if (REQUIRED.has(name)) return constant(true, offset);
  return { evaluate: (event) => find(event, name) !== undefined, constant: undefined, offset };
}

function find(event: Event, name: string): Attribute | undefined {
  for (const attribute of event.attributes) if (attribute.name === name) return attribute;
  return undefined;
}

/** Integers and Booleans keep their type where the protocol carried one; every other type is a String. */
function typedValue({ type, value }: Attribute): Value {
  if (type === "integer") return parseInteger(value) ?? value;
  return type === "boolean" ? value === "true" : value;
}
