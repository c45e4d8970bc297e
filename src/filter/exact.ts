import { attributeDialect } from "./attributes.ts";

/** `{ "exact": { "type": "com.example.order.created" } }`. */
export const exact = attributeDialect((value, operand) => value === operand);
