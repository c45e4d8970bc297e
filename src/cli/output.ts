/** What commands print: tables and text for people, one JSON document a line for programs. */
import type { Terminal } from "./terminal.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | undefined | null;
}

export class Output {
  /** Whether `--json` was given. */
  readonly json: boolean;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal, json: boolean) {
    this.#terminal = terminal;
    this.json = json;
  }

  line(text: string): void {
    this.#terminal.stdout.write(`${text}\n`);
  }

  /** A remark that is not the command's result: on stderr, so that it never mixes with data. */
  note(text: string): void {
    this.#terminal.stderr.write(`${text}\n`);
  }

  /** One result: as it is for programs, in words for people. */
  result(value: unknown, words: string): void {
    this.line(this.json ? JSON.stringify(value) : words);
  }

  /** A list, printed as it comes for programs, aligned at its end for people. */
  async list<Row>(rows: AsyncIterable<Row>, columns: readonly Column<Row>[], whenEmpty: string): Promise<void> {
    const collected: Row[] = [];
    for await (const row of rows) {
      if (this.json) this.line(JSON.stringify(row));
      else collected.push(row);
    }
    if (this.json) return;
    if (collected.length === 0) this.note(whenEmpty);
    else this.line(table(collected, columns));
  }
}

/** Columns two spaces apart, the last one without padding. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const titles = columns.map(({ title }) => title.toUpperCase());
  const cells = [titles, ...rows.map((row) => columns.map(({ value }) => oneLine(value(row))))];
  const widths = columns.map((_, column) => cells.reduce((most, line) => Math.max(most, line[column]?.length ?? 0), 0));
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function oneLine(value: string | number | undefined | null): string {
  return value === undefined || value === null || value === "" ? "-" : printable(String(value).replaceAll("\n", " "));
}

/** Text that came from outside, without what a terminal would act on. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}

/** `name: value` lines with the values aligned; absent ones are left out. */
export function fields(pairs: readonly (readonly [name: string, value: string | number | undefined | null])[]): string {
  const present = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  const width = Math.max(0, ...present.map(([name]) => name.length + 1));
  return present.map(([name, value]) => `${`${name}:`.padEnd(width)} ${printable(String(value))}`).join("\n");
}
