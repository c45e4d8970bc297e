/** The expression is not one of the language (CloudEvents SQL 1.0.0 §3.3 "ParseError"). */
export class ParseError extends Error {
  override readonly name = "ParseError";
  /** Of the fault, in UTF-16 code units from the start of the expression. */
  readonly offset: number;

  /** `problem` completes the message, which begins with the place: `line 1, column 8 (offset 7): ...`. */
  constructor(problem: string, source: string, offset: number) {
    super(`${placeOf(source, offset)}: ${problem}`);
    this.offset = offset;
  }
}

function placeOf(source: string, offset: number): string {
  const lines = source.slice(0, offset).split("\n");
  const column = (lines.at(-1)?.length ?? 0) + 1;
  return `line ${lines.length}, column ${column} (offset ${offset})`;
}
