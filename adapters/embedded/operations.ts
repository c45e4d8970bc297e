/** The operations of the embedded log, as the threads of the database load them (`src/sqlite/module.ts`). */
import type { Connection, Operation } from "../../src/sqlite/module.ts";
import { appendWrites } from "./sql/append.ts";
import { groupWrites } from "./sql/groups.ts";
import { Identities, identityWrites } from "./sql/identities.ts";
import { logReads } from "./sql/reads.ts";
import { retentionWrites } from "./sql/retention.ts";
import { topicReads, topicWrites } from "./sql/topics.ts";

export { migrations } from "./sql/schema.ts";

export const owner = "embedded";

export function prepareWrites(connection: Connection): Readonly<Record<string, Operation>> {
  const identities = new Identities(connection);
  return {
    ...appendWrites(connection, identities),
    ...identityWrites(identities),
    ...topicWrites(connection, identities),
    ...groupWrites(connection),
    ...retentionWrites(connection),
  };
}

export function prepareReads(connection: Connection): Readonly<Record<string, Operation>> {
  return { ...topicReads(connection), ...logReads(connection) };
}
