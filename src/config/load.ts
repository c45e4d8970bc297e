/**
 * Loading a configuration, in stages; each one reports all its faults before the next starts:
 *
 * 1. read: text to values that know their line (`document.ts`)
 * 2. interpolate: `${NAME}` in string values (`interpolate.ts`)
 * 3. override: `PULSEBUS_*` variables and flags (`overrides.ts`)
 * 4. schema: shape, unknown keys, simple bounds (`schema.ts`)
 * 5. references, capabilities and everything that a schema can't say (`resolve.ts`)
 *
 * What comes out is frozen, has every default applied and needs no further check.
 */
import { PulsebusError } from "../errors.ts";
import { type ConfigDocument, EMPTY_DOCUMENT, parseConfig } from "./document.ts";
import { Faults } from "./faults.ts";
import { type Environment, interpolate } from "./interpolate.ts";
import { override, type PlanFlags } from "./overrides.ts";
import type { Plan } from "./plan.ts";
import { resolvePlan } from "./resolve.ts";
import { isConfig } from "./schema.ts";
import { checkTransforms } from "./transforms.ts";

/** Read when no file is named and the working directory has it. */
const DEFAULT_FILE = "pulsebus.yaml";

export interface LoadOptions {
  /** `--config`, or the variable `PULSEBUS_CONFIG`. It has to exist; without it `pulsebus.yaml` is read if it exists. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly flags: PlanFlags;
  /** Rejects with the code `ENOENT` for a file that does not exist. */
  readonly readFile: (path: string) => Promise<string>;
  /** The names of the adapters that this build knows. */
  readonly adapters: readonly string[];
}

/** Throws `invalid-configuration`; its message has a line for each fault, with file, line, column and path. */
export async function loadPlan(options: LoadOptions): Promise<Plan> {
  const { env, flags, adapters } = options;
  const faults = new Faults();
  const read = await readDocument(options);
  const interpolated = { ...read, value: interpolate(read.value, env, faults) };
  const { document, ignoredVariables } = override(interpolated, env, flags, faults);
  if (faults.any) throw faults.toError(document.locate);
  if (!isConfig(document.value, faults)) throw faults.toError(document.locate);
  const plan = resolvePlan(document.value, { file: document.file, adapters, ignoredVariables }, faults);
  if (plan !== undefined) await checkTransforms(plan, faults);
  if (plan === undefined || faults.any) throw faults.toError(document.locate);
  return plan;
}

async function readDocument({ file, env, readFile }: LoadOptions): Promise<ConfigDocument> {
  const named = file ?? (env.PULSEBUS_CONFIG || undefined);
  const path = named ?? DEFAULT_FILE;
  try {
    return parseConfig(await readFile(path), path);
  } catch (error) {
    if (error instanceof PulsebusError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && named === undefined) return EMPTY_DOCUMENT;
    const reason = code === "ENOENT" ? "there is no such file" : message;
    throw new PulsebusError("invalid-configuration", `${path}: can't be read: ${reason}`, { cause: error });
  }
}
