/**
 * Values that come from outside the file. The later one wins: file, `PULSEBUS_*` variable, `--set PATH=VALUE`, a flag of
 * its own (`--port`).
 *
 * A variable's name is `PULSEBUS_` and the path in upper case, words separated by underscores: `server.port` is
 * `PULSEBUS_SERVER_PORT`, `limits.eventBytes` is `PULSEBUS_LIMITS_EVENT_BYTES`. For an entry that the file has (a topic,
 * a subscription), all other characters of its name become underscores too: `topics.orders-eu.strict` is
 * `PULSEBUS_TOPICS_ORDERS_EU_STRICT`. An empty variable counts as not set. A list is `a,b` or JSON.
 */
import { PulsebusError } from "../errors.ts";
import { isObject } from "../json-value.ts";
import { dottedPath, faultAt, joinPointer, type Path, parsePointer } from "../pointer.ts";
import type { ConfigDocument } from "./document.ts";
import type { Faults } from "./faults.ts";
import type { Environment } from "./interpolate.ts";
import { settingsOf, valueFromText } from "./shape.ts";

/** What the command line says. `set` holds `path=value`; a path is dotted, or a JSON pointer for names with dots. */
export interface PlanFlags {
  readonly host?: string | undefined;
  readonly port?: string | number | undefined;
  readonly dataDir?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly set?: readonly string[] | undefined;
}

interface Override {
  readonly at: string;
  readonly text: string;
  /** What to name in an error: the variable or the flag. */
  readonly origin: string;
}

const PREFIX = "PULSEBUS_";
/** Names of ours that are no settings, and those that Kubernetes adds in the namespace of a service called pulsebus. */
const OTHER_VARIABLES = /^PULSEBUS_(CONFIG|URL|SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?)$/;

export interface Overridden {
  readonly document: ConfigDocument;
  readonly ignoredVariables: readonly string[];
}

/** The document with all overrides applied; an error about an overridden value names the variable or flag. */
export function override(document: ConfigDocument, env: Environment, flags: PlanFlags, faults: Faults): Overridden {
  const variables = fromVariables(env, document.value, faults);
  const overrides = [...variables.overrides, ...fromSet(flags.set ?? [], faults), ...fromFlags(flags)];
  return { document: apply(document, overrides), ignoredVariables: variables.ignored };
}

function fromVariables(env: Environment, value: unknown, faults: Faults) {
  const variables = Object.entries(env).filter(
    ([name, text]) => text && name.startsWith(PREFIX) && !OTHER_VARIABLES.test(name),
  );
  // Naming every setting of a large configuration takes time that a start without variables need not spend.
  const names = variables.length === 0 ? new Map<string, string[]>() : Map.groupBy(settingsOf(value), variableName);
  const overrides: Override[] = [];
  const ignored: string[] = [];
  for (const [name, text = ""] of variables) {
    const [at, other] = names.get(name) ?? [];
    if (at === undefined) ignored.push(name);
    else if (other === undefined) overrides.push({ at, text, origin: name });
    else faults.add(ambiguous(name, at, other));
  }
  return { overrides, ignored: ignored.sort() };
}

function ambiguous(name: string, at: string, other: string): PulsebusError {
  const [first, second] = [dottedPath(at), dottedPath(other)];
  return faultAt("invalid-configuration", at, `the variable ${name} also means ${second}: write --set ${first}=VALUE`);
}

function variableName(at: string): string {
  const words = parsePointer(at).map((segment) => segment.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2"));
  return (
    PREFIX +
    words
      .join("_")
      .replaceAll(/[^A-Za-z0-9]/g, "_")
      .toUpperCase()
  );
}

function fromSet(settings: readonly string[], faults: Faults): readonly Override[] {
  return settings.flatMap((setting) => {
    const [, path = "", text = ""] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    if (path === "") {
      const hint = `--set ${JSON.stringify(setting)}: write PATH=VALUE, such as --set limits.eventBytes=64KiB`;
      faults.add(new PulsebusError("invalid-configuration", hint));
      return [];
    }
    const at = path.startsWith("/") ? path : joinPointer("", ...path.split("."));
    return [{ at, text, origin: `--set ${path}` }];
  });
}

const FLAGS: readonly (readonly [flag: Exclude<keyof PlanFlags, "set">, name: string, at: string])[] = [
  ["host", "--host", "/server/host"],
  ["port", "--port", "/server/port"],
  ["dataDir", "--data-dir", "/dataDir"],
  ["logLevel", "--log-level", "/log/level"],
  ["logFormat", "--log-format", "/log/format"],
];

function fromFlags(flags: PlanFlags): readonly Override[] {
  return FLAGS.flatMap(([flag, origin, at]) => {
    const value = flags[flag];
    return value === undefined ? [] : [{ at, text: String(value), origin }];
  });
}

function apply(document: ConfigDocument, overrides: readonly Override[]): ConfigDocument {
  let { value } = document;
  const origins = new Map<string, string>();
  for (const { at, text, origin } of overrides) {
    const path = parsePointer(at);
    value = withValue(value, path, valueFromText(text, path));
    origins.set(at, origin);
  }
  return { ...document, value, locate: (at) => originOf(at, origins) ?? document.locate(at) };
}

function originOf(at: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (let end = at.length; end > 0; end = at.lastIndexOf("/", end - 1)) {
    const origin = origins.get(at.slice(0, end));
    if (origin !== undefined) return origin;
  }
  return undefined;
}

/** The same value with one place of it replaced; objects on the way are made where there are none. */
function withValue(node: unknown, path: Path, value: unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (Array.isArray(node))
    return node.map((item, index) => (String(index) === head ? withValue(item, rest, value) : item));
  const object = isObject(node) ? node : {};
  const child = Object.hasOwn(object, head) ? object[head] : undefined;
  return { ...object, [head]: withValue(child, rest, value) };
}
