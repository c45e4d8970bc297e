/** Reads one source file into the facts that the architecture rules speak about. */
import { dirname, join, normalize } from "node:path/posix";
import { parseAst } from "vitest/node";

/**
 * What of another module a file names, and how. `url`: a file that a thread loads, `new URL("./x.ts", import.meta.url)`
 * or `sibling(import.meta.url, "x")`. `dynamic`: loaded when it is needed, also by its address, `import.meta.resolve("x")`.
 */
export interface Import {
  readonly specifier: string;
  /** The repository path for a relative specifier, the specifier itself otherwise. */
  readonly target: string;
  readonly kind: "value" | "type" | "dynamic" | "url";
  readonly line: number;
}

interface Use {
  /** `Date.now`, `Math.random`, `process`, `new Date()`. */
  readonly name: string;
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
  /** Names used as values, with the member taken from them. */
  readonly uses: readonly Use[];
  /** Numeric constants of the module's top level. */
  readonly numericConstants: readonly Use[];
  readonly defaultExportLines: readonly number[];
  readonly anyLines: readonly number[];
  readonly functions: readonly { readonly line: number; readonly lineCount: number }[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

/** Type syntax holds no values, except for the expression inside these. */
const TYPED_EXPRESSIONS = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSInstantiationExpression",
]);

/** Identifiers at these places are names of members, not uses of values. */
const MEMBER_NAMES: Readonly<Record<string, string>> = {
  MemberExpression: "property",
  Property: "key",
  MethodDefinition: "key",
  PropertyDefinition: "key",
};

/** Identifiers that are part of a longer use, such as `Date` of `Date.now`. */
const HEADS: Readonly<Record<string, string>> = { MemberExpression: "object", NewExpression: "callee" };

export function readSource(path: string, text: string): SourceFile {
  const lineAt = lineCounter(text);
  const imports: Import[] = [];
  const uses: Use[] = [];
  const numericConstants: Use[] = [];
  const defaultExportLines: number[] = [];
  const anyLines: number[] = [];
  const functions: { line: number; lineCount: number }[] = [];
  const program = parse(path, text);

  const visit = (node: Node, isType: boolean): void => {
    const line = lineAt(node.start);
    const found = importOf(node);
    if (found !== undefined) imports.push({ ...found, target: resolveSpecifier(path, found.specifier), line });
    if (node.type === "ExportDefaultDeclaration") defaultExportLines.push(line);
    if (node.type === "TSAnyKeyword") anyLines.push(line);
    if (/Function/.test(node.type) && isNode(node.body) && node.body.type === "BlockStatement")
      functions.push({ line, lineCount: lineAt(node.end) - line + 1 });
    const name = isType ? undefined : usedName(node);
    if (name !== undefined) uses.push({ name, line });
    for (const [key, child] of children(node)) {
      const isTypeSyntax = isType || (child.type.startsWith("TS") && !TYPED_EXPRESSIONS.has(child.type));
      visit(child, isTypeSyntax || (TYPED_EXPRESSIONS.has(node.type) && key !== "expression"));
    }
  };
  visit(program, false);
  for (const constant of numericConstantsOf(program)) {
    numericConstants.push({ name: constant.name, line: lineAt(constant.start) });
  }
  const lineCount = text.split("\n").length - 1;
  return { path, lineCount, imports, uses, numericConstants, defaultExportLines, anyLines, functions };
}

function parse(path: string, text: string): Node {
  try {
    return parseAst(text, { lang: "ts" }) as unknown as Node;
  } catch (error) {
    throw new Error(`${path} can't be parsed`, { cause: error });
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function* children(node: Node): Generator<readonly [key: string, child: Node]> {
  const whole = usedName(node) === undefined ? undefined : HEADS[node.type];
  for (const [key, value] of Object.entries(node)) {
    if (key === whole) continue;
    if (key === MEMBER_NAMES[node.type] && node.computed !== true && isNode(value) && value.type === "Identifier")
      continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield [key, child];
  }
}

function literal(node: unknown): string | undefined {
  return isNode(node) && node.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

function importOf(node: Node): Pick<Import, "specifier" | "kind"> | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration": {
      const specifier = literal(node.source);
      return specifier === undefined ? undefined : { specifier, kind: isTypeOnly(node) ? "type" : "value" };
    }
    case "TSImportType": {
      const specifier = literal(node.source);
      return specifier === undefined ? undefined : { specifier, kind: "type" };
    }
    case "ImportExpression": {
      const specifier = literal(node.source);
      return specifier === undefined ? undefined : { specifier, kind: "dynamic" };
    }
    case "NewExpression":
    case "CallExpression":
      return moduleUrlOf(node);
    default:
      return undefined;
  }
}

/** `import type { A }`, `export type { A }`, or nothing but `type` members. */
function isTypeOnly(node: Node): boolean {
  if (node.importKind === "type" || node.exportKind === "type") return true;
  const specifiers = Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : [];
  return specifiers.length > 0 && specifiers.every((one) => one.importKind === "type" || one.exportKind === "type");
}

function moduleUrlOf(node: Node): Pick<Import, "specifier" | "kind"> | undefined {
  if (isNode(node.callee) && isMetaResolve(node.callee)) {
    const [name] = Array.isArray(node.arguments) ? node.arguments : [];
    return { specifier: literal(name) ?? "", kind: "dynamic" };
  }
  const callee = isNode(node.callee) && node.callee.type === "Identifier" ? node.callee.name : undefined;
  const [first, second] = Array.isArray(node.arguments) ? node.arguments : [];
  if (callee === "sibling" && literal(second) !== undefined)
    return { specifier: `./${literal(second)}.ts`, kind: "url" };
  const specifier = literal(first) ?? "";
  const isModule = callee === "URL" && isNode(second) && /\.[cm]?[jt]s$/.test(specifier);
  return isModule ? { specifier, kind: "url" } : undefined;
}

function isMetaResolve({ type, object, property }: Node): boolean {
  if (type !== "MemberExpression" || !isNode(object) || !isNode(property)) return false;
  return object.type === "MetaProperty" && property.name === "resolve";
}

function usedName(node: Node): string | undefined {
  if (node.type === "Identifier" && typeof node.name === "string") return node.name;
  if (node.type === "MemberExpression" && isNode(node.object) && isNode(node.property)) {
    const { object, property } = node;
    return object.type === "Identifier" && node.computed !== true ? `${object.name}.${property.name}` : undefined;
  }
  if (node.type === "NewExpression" && isNode(node.callee) && Array.isArray(node.arguments)) {
    return node.arguments.length === 0 && node.callee.type === "Identifier" ? `new ${node.callee.name}()` : undefined;
  }
  return undefined;
}

function numericConstantsOf(program: Node): { readonly name: string; readonly start: number }[] {
  const statements = Array.isArray(program.body) ? program.body.filter(isNode) : [];
  return statements
    .map((statement) => (isNode(statement.declaration) ? statement.declaration : statement))
    .filter((statement) => statement.type === "VariableDeclaration" && statement.kind === "const")
    .flatMap((statement) => (Array.isArray(statement.declarations) ? statement.declarations.filter(isNode) : []))
    .filter((declarator) => isNode(declarator.id) && isNode(declarator.init) && isNumeric(declarator.init))
    .map((declarator) => ({ name: isNode(declarator.id) ? String(declarator.id.name) : "", start: declarator.start }));
}

function isNumeric(node: Node): boolean {
  if (node.type === "Literal") return typeof node.value === "number";
  if (node.type === "UnaryExpression") return isNode(node.argument) && isNumeric(node.argument);
  if (node.type !== "BinaryExpression" || !isNode(node.left) || !isNode(node.right)) return false;
  return isNumeric(node.left) && isNumeric(node.right);
}

function resolveSpecifier(from: string, specifier: string): string {
  return specifier.startsWith(".") ? normalize(join(dirname(from), specifier)) : specifier;
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
