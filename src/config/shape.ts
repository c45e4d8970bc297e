/**
 * What the schema says about a place in a configuration: which places there are, and of which type. Variables, flags and
 * interpolation only have text; the type says what the text means.
 */
import configSchema from "../../schemas/config.schema.json" with { type: "json" };
import subscriptionSchema from "../../schemas/subscription.schema.json" with { type: "json" };
import { isObject } from "../json-value.ts";
import { joinPointer, type Path, parsePointer } from "../pointer.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

interface Place {
  readonly schema: Schema;
  /** The document that relative references are resolved in. */
  readonly root: Schema;
}

const ROOTS: Readonly<Record<string, Schema>> = {
  "config.schema.json": configSchema as Schema,
  "subscription.schema.json": subscriptionSchema as Schema,
};
const CONFIG: Place = { schema: configSchema as Schema, root: configSchema as Schema };

/** The value that `text` means at a place: a number, true or false, a list (`a,b` or JSON), an object (JSON), or itself. */
export function valueFromText(text: string, path: Path): unknown {
  const types = typesAt(path);
  if (types.includes("string") || types.length === 0) return text;
  if (types.some((type) => type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(text))
    return Number(text);
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  if (types.includes("array") && !text.startsWith("[")) return splitList(text);
  return types.includes("array") || types.includes("object") ? parseJson(text) : text;
}

/** The JSON pointers of all settings: those the schema names, and those inside the maps that `value` has entries for. */
export function settingsOf(value: unknown): readonly string[] {
  const found: string[] = [];
  const visit = (place: Place, node: unknown, at: string): void => {
    const { schema } = deref(place);
    const present = isObject(node) ? Object.keys(node) : [];
    const names = new Set([...Object.keys(schema.properties ?? {}), ...(schema.additionalProperties ? present : [])]);
    if (names.size === 0 && typesOf(place).at(0) !== "object") found.push(at);
    for (const name of names) {
      const child = step(place, name);
      if (child !== undefined) visit(child, isObject(node) ? node[name] : undefined, joinPointer(at, name));
    }
  };
  visit(CONFIG, value, "");
  return found;
}

function typesAt(path: Path): readonly string[] {
  let place: Place | undefined = CONFIG;
  for (const segment of path) place = place && step(place, segment);
  return place === undefined ? [] : typesOf(place);
}

function typesOf(place: Place): readonly string[] {
  return [deref(place).schema.type ?? []].flat();
}

function step(place: Place, name: string): Place | undefined {
  const { schema, root } = deref(place);
  const properties = schema.properties ?? {};
  if (Object.hasOwn(properties, name)) return { schema: properties[name] ?? {}, root };
  const { additionalProperties } = schema;
  return typeof additionalProperties === "object" ? { schema: additionalProperties, root } : undefined;
}

function deref(place: Place): Place {
  const { $ref } = place.schema;
  if ($ref === undefined) return place;
  const [file = "", pointer = ""] = $ref.split("#");
  const root = file === "" ? place.root : (ROOTS[file] ?? {});
  return deref({ schema: find(root, pointer), root });
}

/** Only the forms that our schemas use: a whole document, `/$defs/NAME` and `/properties/NAME`. */
function find(root: Schema, pointer: string): Schema {
  const [kind, name] = parsePointer(pointer);
  if (kind === undefined || name === undefined) return root;
  return (kind === "$defs" ? root.$defs : root.properties)?.[name] ?? {};
}

function splitList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Text that is no JSON stays text: the schema then says what is expected. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
