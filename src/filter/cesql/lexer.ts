/**
 * From characters to tokens, one at a time, each in time linear in its length. As in the published grammar the longest
 * match wins: `android` is an attribute and not `AND`, `1a` is an attribute, and an integer takes its sign along, so
 * `1 -2` is two integers and no subtraction.
 */
import { ParseError } from "./parse-error.ts";
import { KEYWORDS, SYMBOLS, type Token, type TokenKind } from "./token.ts";

const KEYWORD_OF = new Map<string, TokenKind>(KEYWORDS.map((keyword) => [keyword, keyword]));
const SPACE = /[ \t\r\n]*/y;
const INTEGER = /[+-]?[0-9]+/y;
const ALPHANUMERIC = /[A-Za-z0-9]+/y;
const UNDERSCORED = /[A-Za-z][A-Za-z_]*/y;
const LETTERS = /^[A-Za-z]+$/;
/** Without alternatives that could match the same text in two ways, so without backtracking. */
const STRINGS = { "'": /'(?:[^'\\]|\\.|'')*'/sy, '"': /"(?:[^"\\]|\\.|"")*"/sy };

export class Lexer {
  readonly #source: string;
  #offset = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** The next token; `end` again and again at the end. Throws ParseError at a character that begins no token. */
  next(): Token {
    this.#offset += this.#match(SPACE).length;
    const token = this.#read();
    this.#offset += token.text.length;
    return token;
  }

  #read(): Token {
    if (this.#offset === this.#source.length) return this.#token("end", "");
    return this.#word() ?? this.#integer() ?? this.#string() ?? this.#symbol();
  }

  #word(): Token | undefined {
    const alphanumeric = this.#match(ALPHANUMERIC);
    const underscored = this.#match(UNDERSCORED);
    if (underscored.length > alphanumeric.length) return this.#token("underscored", underscored);
    if (alphanumeric.length === 0 || alphanumeric === this.#match(INTEGER)) return undefined;
    const keyword = KEYWORD_OF.get(alphanumeric.toUpperCase());
    return this.#token(keyword ?? (LETTERS.test(alphanumeric) ? "letters" : "alphanumeric"), alphanumeric);
  }

  #integer(): Token | undefined {
    const text = this.#match(INTEGER);
    return text === "" ? undefined : this.#token("integer", text);
  }

  #string(): Token | undefined {
    const quote = this.#source[this.#offset];
    if (quote !== "'" && quote !== '"') return undefined;
    const text = this.#match(STRINGS[quote]);
    if (text === "") throw this.#fault(`the string that begins here has no closing ${quote}`);
    return this.#token("string", text);
  }

  #symbol(): Token {
    const symbol = SYMBOLS.find((candidate) => this.#source.startsWith(candidate, this.#offset));
    if (symbol !== undefined) return this.#token(symbol, symbol);
    const character = String.fromCodePoint(this.#source.codePointAt(this.#offset) ?? 0);
    throw this.#fault(`expected an operator, a name or a literal, but found ${JSON.stringify(character)}`);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.#source)?.[0] ?? "";
  }

  #token(kind: TokenKind, text: string): Token {
    return { kind, text, offset: this.#offset };
  }

  #fault(problem: string): ParseError {
    return new ParseError(problem, this.#source, this.#offset);
  }
}
