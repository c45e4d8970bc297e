/** Tokens of the published lexer grammar (`CESQLLexer.g4`). */

export const KEYWORDS = ["AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"] as const;
type Keyword = (typeof KEYWORDS)[number];

/** Longer ones first: the longest match wins. */
export const SYMBOLS = ["!=", ">=", "<=", "<>", "(", ")", ",", "*", "/", "%", "+", "-", "=", ">", "<"] as const;
type Punctuation = (typeof SYMBOLS)[number];

/**
 * `letters`: may name an attribute or a function. `alphanumeric`: has digits too, so it names an attribute only.
 * `underscored`: has underscores, so it names a function only.
 */
type Word = "letters" | "alphanumeric" | "underscored";

export type TokenKind = Keyword | Punctuation | Word | "integer" | "string" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written: a string with its quotes, an integer with its sign. */
  readonly text: string;
  /** In UTF-16 code units from the start of the expression. */
  readonly offset: number;
}
