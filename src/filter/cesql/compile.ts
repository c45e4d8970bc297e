/** From the tree to closures: done once, when the expression is created. */
import type { Like, Node } from "./ast.ts";
import { compileAttribute, compileExists } from "./attribute.ts";
import { toText } from "./cast.ts";
import { type Compiled, constant, type Evaluate, operation } from "./evaluate.ts";
import { compileCall } from "./functions.ts";
import { compileIn } from "./in.ts";
import { likeMatcher } from "./like.ts";
import { compileBinary, compileUnary } from "./operators.ts";

export function compile(node: Node): Compiled {
  switch (node.kind) {
    case "literal":
      return constant(node.value, node.offset);
    case "attribute":
      return compileAttribute(node);
    case "exists":
      return compileExists(node);
    case "unary":
      return compileUnary(node, compile(node.operand));
    case "binary":
      return compileBinary(node, compile(node.left), compile(node.right));
    case "like":
      return compileLike(node, compile(node.operand));
    case "in":
      return compileIn(node, compile(node.operand), node.elements.map(compile));
    case "call":
      return compileCall(node, node.operands.map(compile));
  }
}

function compileLike({ pattern, negated, offset }: Like, operand: Compiled): Compiled {
  const { evaluate, offset: operandOffset } = operand;
  const matches = likeMatcher(pattern);
  const like: Evaluate<boolean> = (event, errors) => {
    const value = evaluate(event, errors);
    return value !== undefined && matches(toText(value, errors, operandOffset)) !== negated;
  };
  return operation(like, [operand], offset);
}
