import { attributeDialect } from "./attributes.ts";

/** `{ "suffix": { "type": ".created" } }`. */
export const suffix = attributeDialect((value, operand) => value.endsWith(operand));
