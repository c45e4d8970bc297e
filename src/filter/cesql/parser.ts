/**
 * From tokens to a tree, by precedence climbing, following the published grammar (`CESQLParser.g4`) where it and the
 * prose of CloudEvents SQL 1.0.0 differ:
 *
 *   expression   ::= comparison ((AND | OR | XOR) comparison)*       one level, associates to the right
 *   comparison   ::= sum ((= | != | <> | >= | <= | < | >) sum)*      this and the next two to the left
 *   sum          ::= product ((+ | -) product)*
 *   product      ::= match ((* | / | %) match)*
 *   match        ::= unary (NOT? LIKE string | NOT? IN "(" expression ("," expression)* ")")*
 *   unary        ::= (NOT | -) unary | primary                       so NOT a = b is (NOT a) = b
 *   primary      ::= literal | EXISTS attribute | function "(" arguments? ")" | attribute | "(" expression ")"
 *
 * As AND and OR are on one level, `a AND b OR c` means `a AND (b OR c)`: mixing them asks for parentheses.
 * Each token is looked at a bounded number of times; recursion is bounded by the limit of nesting.
 */
import { CESQL_CHARS_MAX, CESQL_DEPTH_MAX, CESQL_NODES_MAX, CESQL_PATTERN_CHARS_MAX } from "../../limits.ts";
import type { BinaryOperator, Node } from "./ast.ts";
import { parseInteger } from "./cast.ts";
import { Lexer } from "./lexer.ts";
import { ParseError } from "./parse-error.ts";
import type { Token, TokenKind } from "./token.ts";

export interface Parsed {
  readonly root: Node;
  /** Nodes of the tree. */
  readonly nodes: number;
  /** Where AND, OR or XOR first follows another one of them without parentheses between, if anywhere. */
  readonly mixedAt: number | undefined;
}

/** Throws ParseError, and nothing else. */
export function parse(source: string): Parsed {
  if (source.length > CESQL_CHARS_MAX) {
    throw new ParseError(`an expression may have ${CESQL_CHARS_MAX} characters`, source, CESQL_CHARS_MAX);
  }
  // A half of a surrogate pair is no character, and would match inside of one.
  if (!source.isWellFormed()) throw new ParseError("the expression has an unpaired surrogate", source, 0);
  return new Parser(source).parse();
}

type Operators = ReadonlyMap<TokenKind, BinaryOperator>;

const LOGIC = operators("AND", "OR", "XOR");
/** Operators that associate to the left, from the loosest to the tightest. */
const LEVELS: readonly Operators[] = [
  operators("=", "!=", "<>", ">=", "<=", "<", ">"),
  operators("+", "-"),
  operators("*", "/", "%"),
];
/** Characters of a token shown in a message. */
const SHOWN_CHARS = 40;

class Parser {
  readonly #source: string;
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;
  #nodes = 0;
  #mixedAt: number | undefined;

  constructor(source: string) {
    this.#source = source;
    this.#lexer = new Lexer(source);
    this.#token = this.#lexer.next();
  }

  parse(): Parsed {
    const root = this.#expression();
    if (this.#token.kind !== "end") throw this.#expectedOperator("the end of the expression");
    return { root, nodes: this.#nodes, mixedAt: this.#mixedAt };
  }

  #expression(): Node {
    const chain: { readonly left: Node; readonly operator: BinaryOperator }[] = [];
    for (;;) {
      const left = this.#leftAssociative(0);
      const { offset } = this.#token;
      const operator = this.#acceptOf(LOGIC);
      // Without recursion: a chain of hundreds of ORs is common, and is no nesting.
      if (operator === undefined) return chain.reduceRight((right, link) => this.#binary({ ...link, right }), left);
      if (chain.length > 0 && operator !== chain[0]?.operator) this.#mixedAt ??= offset;
      chain.push({ left, operator });
    }
  }

  #nested(): Node {
    this.#enter();
    const node = this.#expression();
    this.#leave();
    return node;
  }

  #leftAssociative(level: number): Node {
    const operatorsHere = LEVELS[level];
    if (operatorsHere === undefined) return this.#match();
    let left = this.#leftAssociative(level + 1);
    for (;;) {
      const operator = this.#acceptOf(operatorsHere);
      if (operator === undefined) return left;
      left = this.#binary({ operator, left, right: this.#leftAssociative(level + 1) });
    }
  }

  #match(): Node {
    let operand = this.#unary();
    for (;;) {
      const negated = this.#accept("NOT");
      const { offset } = operand;
      if (this.#accept("LIKE")) {
        operand = this.#node({ kind: "like", operand, pattern: this.#pattern(), negated, offset });
      } else if (this.#accept("IN")) {
        operand = this.#node({ kind: "in", operand, elements: this.#set(), negated, offset });
      } else if (negated) {
        throw this.#expected("LIKE or IN after NOT");
      } else {
        return operand;
      }
    }
  }

  #pattern(): string {
    const token = this.#token;
    if (token.kind !== "string") throw this.#expected("a string literal as the pattern of LIKE");
    const pattern = unquote(this.#take().text);
    if (pattern.length > CESQL_PATTERN_CHARS_MAX) {
      throw this.#fault(`the pattern of LIKE may have ${CESQL_PATTERN_CHARS_MAX} characters`, token);
    }
    return pattern;
  }

  #set(): readonly Node[] {
    if (!this.#accept("(")) throw this.#expected('the set of IN, such as ("a", "b")');
    return this.#list();
  }

  /** The rest of a list of at least one expression, closing parenthesis included. */
  #list(): readonly Node[] {
    const items = [this.#nested()];
    while (this.#accept(",")) items.push(this.#nested());
    if (!this.#accept(")")) throw this.#expectedOperator('"," or ")"');
    return items;
  }

  #unary(): Node {
    const { kind, offset } = this.#token;
    if (kind !== "NOT" && kind !== "-") return this.#primary();
    this.#enter();
    this.#take();
    const operand = this.#unary();
    this.#leave();
    return this.#node({ kind: "unary", operator: kind, operand, offset });
  }

  #primary(): Node {
    const { kind, text, offset } = this.#token;
    switch (kind) {
      case "TRUE":
      case "FALSE":
        this.#take();
        return this.#node({ kind: "literal", value: kind === "TRUE", offset });
      case "string":
        this.#take();
        return this.#node({ kind: "literal", value: unquote(text), offset });
      case "integer":
        return this.#integer();
      case "EXISTS":
        return this.#exists();
      case "letters":
      case "alphanumeric":
      case "underscored":
        return this.#named();
      case "(":
        return this.#parenthesized();
      default:
        throw this.#expected("an attribute, a literal, a function or a parenthesized expression");
    }
  }

  #integer(): Node {
    const token = this.#take();
    const value = parseInteger(token.text);
    if (value === undefined) throw this.#fault(`${token.text} is outside of the 32-bit integers`, token);
    return this.#node({ kind: "literal", value, offset: token.offset });
  }

  #exists(): Node {
    const { offset } = this.#take();
    const { kind, text } = this.#token;
    if (kind !== "letters" && kind !== "alphanumeric") throw this.#expected("the name of an attribute after EXISTS");
    this.#take();
    return this.#node({ kind: "exists", name: text, offset });
  }

  #named(): Node {
    const { kind, text, offset } = this.#take();
    if (kind !== "alphanumeric" && this.#accept("(")) {
      const operands = this.#accept(")") ? [] : this.#list();
      return this.#node({ kind: "call", name: text.toUpperCase(), operands, offset });
    }
    if (kind === "underscored") throw this.#expected(`"(" after the function ${text}`);
    return this.#node({ kind: "attribute", name: text, offset });
  }

  #parenthesized(): Node {
    this.#take();
    const node = this.#nested();
    if (!this.#accept(")")) throw this.#expectedOperator('")"');
    return node;
  }

  #binary(parts: { readonly operator: BinaryOperator; readonly left: Node; readonly right: Node }): Node {
    return this.#node({ kind: "binary", ...parts, offset: parts.left.offset });
  }

  #node(node: Node): Node {
    this.#nodes++;
    if (this.#nodes > CESQL_NODES_MAX) {
      throw this.#fault(`an expression may have ${CESQL_NODES_MAX} operations, attributes and literals`, node);
    }
    return node;
  }

  #enter(): void {
    this.#depth++;
    if (this.#depth > CESQL_DEPTH_MAX) {
      throw this.#fault(`an expression may be nested ${CESQL_DEPTH_MAX} deep`, this.#token);
    }
  }

  #leave(): void {
    this.#depth--;
  }

  #take(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  #accept(kind: TokenKind): boolean {
    if (this.#token.kind !== kind) return false;
    this.#take();
    return true;
  }

  #acceptOf(operatorsHere: Operators): BinaryOperator | undefined {
    const operator = operatorsHere.get(this.#token.kind);
    if (operator !== undefined) this.#take();
    return operator;
  }

  /** Where an expression could go on. A sign that belongs to an integer looks like an operator, but is none. */
  #expectedOperator(orElse: string): ParseError {
    const { kind, text } = this.#token;
    const signed = kind === "integer" && /^[+-]/.test(text);
    const hint = signed ? ` (to calculate, put a space behind the sign: ${text[0]} ${text.slice(1)})` : "";
    return this.#expected(`an operator or ${orElse}`, hint);
  }

  #expected(what: string, hint = ""): ParseError {
    const { kind, text } = this.#token;
    const found = kind === "end" ? "the end of the expression" : JSON.stringify(shorten(text));
    return this.#fault(`expected ${what}, but found ${found}${hint}`, this.#token);
  }

  #fault(problem: string, place: { readonly offset: number }): ParseError {
    return new ParseError(problem, this.#source, place.offset);
  }
}

function operators(...list: readonly (BinaryOperator & TokenKind)[]): Operators {
  return new Map(list.map((operator) => [operator, operator]));
}

/**
 * The value of a string literal. A quote of its own kind is escaped by a backslash (§2.2) or by doubling it (the lexer
 * grammar); any other backslash stays, so that `\%` reaches LIKE.
 */
function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  return literal.startsWith("'")
    ? inner.replaceAll(/\\.|''/gs, (pair) => (pair === "\\'" || pair === "''" ? "'" : pair))
    : inner.replaceAll(/\\.|""/gs, (pair) => (pair === '\\"' || pair === '""' ? '"' : pair));
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
