/** The ledger one version on: a second migration, which needs the table of the first one. */
import { migrations as first, owner as ledgerOwner } from "./ledger.ts";

export { prepareReads, prepareWrites } from "./ledger.ts";

export const owner = ledgerOwner;

export const migrations = [...first, "ALTER TABLE line ADD COLUMN note TEXT"];
