/**
 * The rules of the layout, each a function from all files to the places that break it. They take the files as data, so
 * that a test can plant a violation and see it found.
 */
import { builtinModules } from "node:module";
import type { Import, SourceFile } from "./source.ts";

interface Violation {
  readonly path: string;
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

export type Files = ReadonlyMap<string, SourceFile>;

export interface Rule {
  /** A sentence, the name of its test. */
  readonly name: string;
  readonly check: (files: Files) => readonly Violation[];
}

const COMPOSITION_ROOT = "src/main.ts";
/** Where `serve` and `verify` put the parts together; adapters are handed to them. */
const COMPOSITIONS = ["src/serve.ts", "src/verify.ts"];

/** No clock, randomness, I/O, process or timers. */
const PURE = ["src/event/", "src/filter/", "src/subscription/", "src/delivery/decide.ts", "src/delivery/backoff.ts"];
/** What pure code may run: itself, and these. Types may come from anywhere, they do nothing. */
const PURE_DEPENDENCIES = [
  ...PURE,
  "src/errors.ts",
  "src/limits.ts",
  "src/pointer.ts",
  "src/units.ts",
  "src/json-value.ts",
  "node:buffer",
];
const IMPURE = new Set(
  `console crypto fetch globalThis performance process queueMicrotask require setImmediate setInterval setTimeout
   Worker`.split(/\s+/),
);
/** Arithmetic on a date that was given needs no clock, so `Date` itself is allowed. */
const IMPURE_MEMBERS = new Set(["Date.now", "new Date()", "Math.random"]);

const ADAPTER_DEPENDENCIES = [
  "src/transport/",
  "src/event/",
  "src/runtime/",
  "src/errors.ts",
  "src/limits.ts",
  "src/telemetry/histogram.ts",
];

/** The users of the one database file, besides the folder itself and whoever puts the parts together. */
const DATABASE = "src/sqlite/";
const DATABASE_USERS = [DATABASE, "src/store/sqlite/", "adapters/embedded/", ...COMPOSITIONS, COMPOSITION_ROOT];

/** The commands other than `serve` talk to a running server: they read what is written, and nothing of what runs. */
const COMMAND_DEPENDENCIES = [
  "src/version.ts",
  "src/cli/",
  "src/config/",
  "src/event/",
  "src/errors.ts",
  "src/limits.ts",
  "src/pointer.ts",
  "src/units.ts",
];

const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  express: ["src/http/"],
  "better-sqlite3": [DATABASE],
  undici: ["src/egress/"],
  ajv: ["src/config/"],
  yaml: ["src/config/"],
  commander: ["src/cli/"],
  pino: ["src/telemetry/"],
  "pino-pretty": ["src/telemetry/"],
  "prom-client": ["src/telemetry/"],
  jsonata: ["src/transform/"],
};
/** Who may name an owner's types. */
const PACKAGE_TYPE_USERS: Readonly<Record<string, readonly string[]>> = {
  "better-sqlite3": ["src/store/sqlite/", "adapters/embedded/"],
};

/** A name that says limit or deadline. */
const LIMIT_NAME = /(^|_)(MAX|MIN|LIMIT|DEFAULT|MS|SECONDS)$/;
/** Bounds that the platform or a protocol sets, which nobody chose. */
const FACT_NAME = /^(INT32|STATUS|TIMER)_/;
const LIMITS_FILE = "src/limits.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 80;

export const RULES: readonly Rule[] = [
  { name: "pure code runs nothing but pure code", check: eachImport(pureImport) },
  { name: "pure code has no clock, randomness, process, timers or I/O", check: eachUse(pureUse) },
  { name: "only the composition root imports adapters", check: eachImport(adapterFromCore) },
  {
    name: "an adapter imports the port and its own folder, never the engine or another adapter",
    check: eachImport(adapterImport),
  },
  { name: "only the embedded log and the SQLite store use the database", check: eachImport(databaseUser) },
  { name: "commands other than serve know nothing of the parts that run", check: eachImport(commandImport) },
  { name: "a command loads only what it needs", check: eagerPackages },
  { name: "each npm package has one owner folder", check: eachImport(packageOwner) },
  { name: "node's modules are named with node:", check: eachImport(nodePrefix) },
  { name: "imports form no cycle", check: importCycles },
  { name: "every file is reached from the entry point", check: unreachedFiles },
  { name: "nothing is exported as default", check: eachFile(defaultExports) },
  { name: "nothing is typed any", check: eachFile(anys) },
  { name: "limits stand in src/limits.ts", check: eachFile(limitsElsewhere) },
  { name: "the limits of a broker stand in its adapter's limits.ts", check: brokerLimits },
  { name: "file names are kebab-case", check: eachFile(fileName) },
  { name: "files and functions stay readable in length", check: eachFile(lengths) },
];

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
}

function eachImport(judge: (file: SourceFile, imported: Import) => string | undefined): Rule["check"] {
  return eachFile((file) =>
    file.imports.flatMap((imported) => {
      const message = judge(file, imported);
      return message === undefined ? [] : [{ line: imported.line, message }];
    }),
  );
}

function eachUse(judge: (file: SourceFile, name: string) => string | undefined): Rule["check"] {
  return eachFile((file) =>
    file.uses.flatMap(({ name, line }) => {
      const message = judge(file, name);
      return message === undefined ? [] : [{ line, message }];
    }),
  );
}

function eachFile(judge: (file: SourceFile) => readonly Omit<Violation, "path">[]): Rule["check"] {
  return (files) => [...files.values()].flatMap((file) => judge(file).map((found) => ({ path: file.path, ...found })));
}

function pureImport(file: SourceFile, { target, kind }: Import): string | undefined {
  if (!isIn(file.path, PURE) || kind === "type" || isIn(target, PURE_DEPENDENCIES)) return undefined;
  return `runs ${target}, which is not pure: take what it gives as an argument`;
}

function pureUse(file: SourceFile, name: string): string | undefined {
  if (!isIn(file.path, PURE)) return undefined;
  const [object = ""] = name.split(".");
  return IMPURE.has(object) || IMPURE_MEMBERS.has(name) ? `uses ${name}: take it as an argument` : undefined;
}

function adapterFromCore(file: SourceFile, { target }: Import): string | undefined {
  if (!file.path.startsWith("src/") || file.path === COMPOSITION_ROOT || !target.startsWith("adapters/"))
    return undefined;
  return `imports ${target}: the core knows adapters only as the Transport port`;
}

function adapterImport(file: SourceFile, { target }: Import): string | undefined {
  const [root, name] = file.path.split("/");
  if (root !== "adapters" || file.path === "adapters/index.ts") return undefined;
  const own = `adapters/${name}/`;
  const mayUseDatabase = isIn(own, DATABASE_USERS) && target.startsWith(DATABASE);
  const isOurs = target.startsWith("src/") || target.startsWith("adapters/");
  if (!isOurs || mayUseDatabase || isIn(target, [own, ...ADAPTER_DEPENDENCIES])) return undefined;
  return `imports ${target}: an adapter knows the port, the event and the runtime, nothing else of Pulsebus`;
}

function databaseUser(file: SourceFile, { target, kind }: Import): string | undefined {
  if (!target.startsWith(DATABASE) || kind === "type" || isIn(file.path, DATABASE_USERS)) return undefined;
  return `uses ${target}: go through the Store or the Transport port`;
}

function commandImport(file: SourceFile, { target, kind }: Import): string | undefined {
  const isCommand = file.path.startsWith("src/cli/");
  if (!isCommand || kind === "type" || !target.startsWith("src/") || isIn(target, COMMAND_DEPENDENCIES))
    return undefined;
  return `imports ${target}: ask the running server over HTTP (src/cli/client.ts)`;
}

/** What is imported statically from the entry point on is loaded by every command: the parser of its arguments. */
const EAGER_PACKAGES = new Set(["commander"]);

function eagerPackages(files: Files): readonly Violation[] {
  const violations: Violation[] = [];
  const isLoaded = new Set([COMPOSITION_ROOT]);
  for (const path of isLoaded) {
    for (const { target, kind, line } of files.get(path)?.imports ?? []) {
      if (kind !== "value" || isBuiltin(target)) continue;
      if (isOwnFile(target)) isLoaded.add(target);
      else if (!EAGER_PACKAGES.has(packageName(target))) {
        violations.push({ path, line, message: `loads ${target} for every command: import it where it is used` });
      }
    }
  }
  return violations;
}

function packageOwner(file: SourceFile, { target, kind }: Import): string | undefined {
  if (isOwnFile(target) || isBuiltin(target)) return undefined;
  const name = packageName(target);
  const owners = PACKAGE_OWNERS[name] ?? (file.path.startsWith("adapters/") ? [adapterFolder(file.path)] : []);
  if (isIn(file.path, owners)) return undefined;
  if (kind === "type" && isIn(file.path, PACKAGE_TYPE_USERS[name] ?? [])) return undefined;
  return owners.length === 0 ? `imports ${name}, which has no owner folder` : `imports ${name}: only ${owners} may`;
}

function adapterFolder(path: string): string {
  return path.split("/").slice(0, 2).join("/").concat("/");
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function isOwnFile(target: string): boolean {
  return /^(src|adapters|schemas|test|bin|package\.json)(\/|$)/.test(target);
}

function isBuiltin(target: string): boolean {
  return target.startsWith("node:") || builtinModules.includes(target);
}

function nodePrefix(_: SourceFile, { target }: Import): string | undefined {
  return builtinModules.includes(target) && !target.startsWith("node:") ? `write node:${target}` : undefined;
}

/** Type imports count too: two files that need each other's types are one thing in two files. */
function importCycles(files: Files): readonly Violation[] {
  const done = new Set<string>();
  const violations: Violation[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (done.has(path)) return;
    for (const { target, line, kind } of files.get(path)?.imports ?? []) {
      const start = trail.indexOf(target);
      if (start !== -1) {
        const cycle = [...trail.slice(start), target].join(" -> ");
        violations.push({ path, line, message: `closes the cycle ${cycle}: move what both need to a third file` });
      } else if (kind !== "url" && files.has(target)) visit(target, [...trail, target]);
    }
    done.add(path);
  };
  for (const path of files.keys()) visit(path, [path]);
  return violations;
}

function unreachedFiles(files: Files): readonly Violation[] {
  const reached = new Set<string>();
  const waiting = [COMPOSITION_ROOT];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...(files.get(path)?.imports ?? []).map(({ target }) => target));
  }
  return [...files.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => ({ path, line: 1, message: `nothing that ${COMPOSITION_ROOT} leads to imports it: delete it` }));
}

function defaultExports(file: SourceFile): readonly Omit<Violation, "path">[] {
  return file.defaultExportLines.map((line) => ({ line, message: "exports a default: give it a name" }));
}

function anys(file: SourceFile): readonly Omit<Violation, "path">[] {
  return file.anyLines.map((line) => ({ line, message: "uses any: write the type, or unknown" }));
}

function limitsElsewhere(file: SourceFile): readonly Omit<Violation, "path">[] {
  if (file.path === LIMITS_FILE) return [];
  return file.numericConstants
    .filter(({ name }) => LIMIT_NAME.test(name) && !FACT_NAME.test(name))
    .map(({ name, line }) => ({
      line,
      message: `declares ${name}: limits stand in ${LIMITS_FILE}, with their reason`,
    }));
}

/** Those of the embedded log are the server's own. */
function brokerLimits(files: Files): readonly Violation[] {
  const brokers = [...files.keys()]
    .flatMap((path) => /^adapters\/([^/]+)\/adapter\.ts$/.exec(path)?.[1] ?? [])
    .filter((folder) => folder !== "embedded");
  const without = brokers
    .filter((folder) => !files.has(`adapters/${folder}/limits.ts`))
    .map((folder) => ({ path: `adapters/${folder}/adapter.ts`, line: 1, message: "has no limits.ts beside it" }));
  const words = new Set(brokers.flatMap((folder) => folder.toUpperCase().split("-")));
  const named = (files.get(LIMITS_FILE)?.numericConstants ?? [])
    .filter(({ name }) => name.split("_").some((word) => words.has(word)))
    .map(({ name, line }) => ({ path: LIMITS_FILE, line, message: `${name} belongs to its adapter's limits.ts` }));
  return [...without, ...named];
}

function fileName(file: SourceFile): readonly Omit<Violation, "path">[] {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  return /^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name) ? [] : [{ line: 1, message: `rename ${name} to kebab-case` }];
}

function lengths(file: SourceFile): readonly Omit<Violation, "path">[] {
  const found = file.functions
    .filter(({ lineCount }) => lineCount > FUNCTION_LINES_MAX)
    .map(({ line, lineCount }) => ({ line, message: `a function of ${lineCount} lines: give its steps names` }));
  if (file.lineCount <= FILE_LINES_MAX) return found;
  return [...found, { line: FILE_LINES_MAX, message: `${file.lineCount} lines: it has more than one reason to exist` }];
}
