/**
 * `${NAME}` and `${NAME:-default}` in string values. A variable that is not set, and has no default, is a fault; an
 * empty one counts as not set where there is a default, as in a shell. `$${` is a literal `${`.
 */
import { mapStrings } from "../json-value.ts";
import { faultAt, parsePointer } from "../pointer.ts";
import type { Faults } from "./faults.ts";
import { valueFromText } from "./shape.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$\{|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}|\$\{/g;

/**
 * The value with all variables put in. A variable has only text, so `port: ${PORT}` is read as what the schema says a
 * port is.
 */
export function interpolate(value: unknown, env: Environment, faults: Faults): unknown {
  return mapStrings(value, (text, at) => interpolateText(text, at, env, faults));
}

/** The text that `interpolate` reads as this one. */
export function escapeReferences(text: string): string {
  return text.replaceAll("${", () => "$${");
}

function interpolateText(text: string, at: string, env: Environment, faults: Faults): unknown {
  let substituted = false;
  const result = text.replaceAll(REFERENCE, (match: string, name?: string, fallback?: string) => {
    if (match === "$${") return "${";
    substituted = true;
    const found = lookUp(name, fallback, env);
    if (found.value === undefined) faults.add(faultAt("invalid-configuration", at, found.fault));
    return found.value ?? "";
  });
  return substituted ? valueFromText(result, parsePointer(at)) : result;
}

type Found = { readonly value: string } | { readonly value: undefined; readonly fault: string };

function lookUp(name: string | undefined, fallback: string | undefined, env: Environment): Found {
  if (name === undefined) {
    return { value: undefined, fault: `has no valid \${NAME} or \${NAME:-default}; write $\${ for a plain \${` };
  }
  const value = fallback === undefined ? env[name] : env[name] || fallback;
  if (value !== undefined) return { value };
  return { value, fault: `the variable ${name} is not set: set it, or write \${${name}:-default}` };
}
