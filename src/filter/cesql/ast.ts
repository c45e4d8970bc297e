/** The syntax tree. `offset` is where the node begins in the expression, in UTF-16 code units, for error reports. */
import type { Value } from "./value.ts";

export type ArithmeticOperator = "*" | "/" | "%" | "+" | "-";
export type BinaryOperator = ArithmeticOperator | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "AND" | "OR" | "XOR";

interface Literal {
  readonly kind: "literal";
  readonly value: Value;
  readonly offset: number;
}

export interface AttributeNode {
  readonly kind: "attribute";
  readonly name: string;
  readonly offset: number;
}

export interface Exists {
  readonly kind: "exists";
  readonly name: string;
  readonly offset: number;
}

export interface Unary {
  readonly kind: "unary";
  readonly operator: "NOT" | "-";
  readonly operand: Node;
  readonly offset: number;
}

export interface Binary {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
  readonly offset: number;
}

export interface Like {
  readonly kind: "like";
  readonly operand: Node;
  readonly pattern: string;
  /** `NOT LIKE`, an operation of its own: with a missing attribute it yields `false` too. */
  readonly negated: boolean;
  readonly offset: number;
}

export interface In {
  readonly kind: "in";
  readonly operand: Node;
  readonly elements: readonly Node[];
  /** `NOT IN`, see `Like`. */
  readonly negated: boolean;
  readonly offset: number;
}

export interface Call {
  readonly kind: "call";
  /** In upper case. */
  readonly name: string;
  readonly operands: readonly Node[];
  readonly offset: number;
}

export type Node = Literal | AttributeNode | Exists | Unary | Binary | Like | In | Call;
