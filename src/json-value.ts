/** Values as JSON and YAML have them: null, booleans, numbers, strings, lists and objects. */
import { joinPointer } from "./pointer.ts";

/** Whether a value is an object, and neither a list nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy in which each string, but no member's name, is what `replace` makes of it; `at` is its JSON pointer. */
export function mapStrings(value: unknown, replace: (text: string, at: string) => unknown, at = ""): unknown {
  if (typeof value === "string") return replace(value, at);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => mapStrings(item, replace, joinPointer(at, index)));
  if (!isObject(value)) return value;
  const members = Object.entries(value);
  return Object.fromEntries(
    members.map(([name, member]) => [name, mapStrings(member, replace, joinPointer(at, name))]),
  );
}
