/** A filter on deliveries as SQL. */
import type { Value } from "../../sqlite/module.ts";
import type { DeliveryFilter } from "../port.ts";

export interface Condition {
  /** Empty, or ` AND …` for a WHERE clause; one text for each set of members, so that statements can be kept. */
  readonly sql: string;
  readonly values: readonly Value[];
}

const CONDITIONS: Readonly<Record<keyof DeliveryFilter, string>> = {
  reason: "reason = ?",
  type: "event_type = ?",
  source: "event_source = ?",
  eventId: "event_id = ?",
  since: "died_at >= ?",
  until: "died_at < ?",
};

export function conditionOf(filter: DeliveryFilter): Condition {
  let sql = "";
  const values: Value[] = [];
  for (const member of Object.keys(CONDITIONS) as (keyof DeliveryFilter)[]) {
    const value = filter[member];
    if (value === undefined) continue;
    sql += ` AND ${CONDITIONS[member]}`;
    values.push(value);
  }
  return { sql, values };
}
