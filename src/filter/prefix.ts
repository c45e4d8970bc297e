import { attributeDialect } from "./attributes.ts";

/** `{ "prefix": { "type": "com.example." } }`. */
export const prefix = attributeDialect((value, operand) => value.startsWith(operand));
