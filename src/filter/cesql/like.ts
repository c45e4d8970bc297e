/**
 * The pattern of LIKE (CloudEvents SQL 1.0.0 §3.4.3): `%` is any run of characters, `_` is one character, `\%` and
 * `\_` are the two themselves, everything else is itself. Matching goes over the text once and never back.
 *
 * It is enough to find the pieces between the `%` one after the other, each at its first place: a later place never
 * helps the pieces behind it. A piece without `_`, as nearly all are, is a plain search. To search one with `_` by
 * trial would take time in the product of both lengths, so such patterns run through an automaton instead.
 */
import { ANY, automatonMatcher, type Matcher, type Piece } from "./like-automaton.ts";

export function likeMatcher(pattern: string): Matcher {
  const pieces = splitAtRuns(pattern);
  return pieces.some((piece) => piece.includes(ANY))
    ? automatonMatcher(pieces)
    : literalMatcher(pieces.map((piece) => String.fromCodePoint(...piece)));
}

/** What stands between the runs; a pattern without `%` is one piece. */
function splitAtRuns(pattern: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let piece: number[] = [];
  for (const [part] of pattern.matchAll(/\\[%_]|./gsu)) {
    if (part === "%") {
      pieces.push(piece);
      piece = [];
    } else {
      piece.push(part === "_" ? ANY : literalOf(part));
    }
  }
  return [...pieces, piece];
}

function literalOf(part: string): number {
  const escaped = part === "\\%" || part === "\\_";
  return part.codePointAt(escaped ? 1 : 0) ?? 0;
}

function literalMatcher(pieces: readonly string[]): Matcher {
  const [prefix = "", ...rest] = pieces;
  const suffix = rest.pop();
  if (suffix === undefined) return (text) => text === prefix;
  return (text) =>
    text.startsWith(prefix) && text.endsWith(suffix) && inOrder(rest, text, prefix.length, text.length - suffix.length);
}

/** Whether the text has all pieces between the two offsets, in their order and without overlap; false if they cross. */
function inOrder(pieces: readonly string[], text: string, start: number, end: number): boolean {
  let from = start;
  for (const piece of pieces) {
    const found = text.indexOf(piece, from);
    if (found === -1) return false;
    from = found + piece.length;
  }
  return from <= end;
}
