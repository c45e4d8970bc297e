/** Reading: from the text of a YAML or JSON file to plain values that still know the line and column they came from. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { PulsebusError } from "../errors.ts";
import { CONFIG_BYTES_MAX } from "../limits.ts";
import { parsePointer } from "../pointer.ts";
import { formatSize } from "../units.ts";

/** What a configuration is read from, before anything is known about its shape. */
export interface ConfigDocument {
  readonly file: string | undefined;
  readonly value: unknown;
  /** Where the value at a JSON pointer stands, as `file:line:column`; for one that is not there, what would hold it. */
  locate(at: string): string;
}

export const EMPTY_DOCUMENT: ConfigDocument = { file: undefined, value: {}, locate: () => "configuration" };

/** Throws `invalid-configuration` that lists every fault of syntax. JSON needs no parser of its own: it is YAML. */
export function parseConfig(text: string, file: string): ConfigDocument {
  if (text.length > CONFIG_BYTES_MAX) {
    throw new PulsebusError("invalid-configuration", `${file}: has more than ${formatSize(CONFIG_BYTES_MAX)}`);
  }
  const lines = new LineCounter();
  // The library's own check for unique keys compares each with each: seconds for ten thousand subscriptions.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  // Warnings are about tags that have no meaning here, such as `!secret`.
  const problems = [...document.errors, ...document.warnings].map(({ pos, message }) => ({ offset: pos[0], message }));
  problems.push(...repeatedKeys(document));
  if (problems.length > 0) {
    const faults = problems
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, message }) => `${place(offset)}: ${message}`);
    throw new PulsebusError("invalid-configuration", faults.join("\n"));
  }
  return {
    file,
    value: toPlainValue(document, file),
    locate: (at) => place(offsetOf(document, at)),
  };
}

interface Problem {
  readonly offset: number;
  readonly message: string;
}

function repeatedKeys(document: Document): readonly Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = keyName(key);
        if (seen.has(name))
          problems.push({ offset: rangeStart(key) ?? 0, message: `${JSON.stringify(name)} is written twice` });
        seen.add(name);
      }
    },
  });
  return problems;
}

function keyName(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function toPlainValue(document: Document, file: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // An alias without anchor, or more aliases than any configuration needs.
    const reason = error instanceof Error ? error.message : String(error);
    throw new PulsebusError("invalid-configuration", `${file}: ${reason}`, { cause: error });
  }
}

/** The offset of the deepest node on the way to `at`: a member's key, an item of a list. */
function offsetOf(document: Document, at: string): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const segment of parsePointer(at)) {
    const step = child(isAlias(node) ? node.resolve(document) : node, segment);
    if (step === undefined) break;
    offset = rangeStart(step.mark) ?? offset;
    node = step.node;
  }
  return offset;
}

function child(node: unknown, segment: string): { readonly mark: unknown; readonly node: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => keyName(key) === segment);
    return pair && { mark: pair.key, node: pair.value };
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(segment)];
  return item === undefined ? undefined : { mark: item, node: item };
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
