/** The adapter's own part of a configuration, validated by the adapter's own schema. */
import { Ajv2020 } from "ajv/dist/2020.js";
import { faultAt } from "../pointer.ts";
import { explain } from "./explain.ts";

/**
 * The settings with the schema's defaults filled in. `part` is a JSON pointer into the schema, such as `/$defs/topic`;
 * `at` is where the settings stand in the configuration. Throws `invalid-request` for the first fault.
 */
export function validateAdapterSettings(
  schema: object,
  part: string,
  settings: Readonly<Record<string, unknown>>,
  at: string,
): Readonly<Record<string, unknown>> {
  const ajv = new Ajv2020({
    useDefaults: true,
    verbose: true,
    meta: false,
    validateSchema: false,
    allowUnionTypes: true,
  });
  ajv.addVocabulary(["x-expects", "x-notSupported"]);
  ajv.addSchema(schema, "adapter");
  const isValid = ajv.getSchema(`adapter#${part}`);
  if (isValid === undefined) throw new Error(`the adapter's schema has no ${part}`);
  const filled = structuredClone(settings) as Record<string, unknown>;
  if (isValid(filled)) return filled;
  const [first] = isValid.errors ?? [];
  const fault = first && explain(first);
  throw faultAt("invalid-request", `${at}${fault?.at ?? ""}`, fault?.message ?? "is not what the adapter takes");
}
