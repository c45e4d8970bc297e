/** The operations module of the store, loaded by the threads of the database. */
export { prepareReads } from "./read-operations.ts";
export { migrations } from "./schema.ts";
export { prepareWrites } from "./write-operations.ts";

export const owner = "store";
