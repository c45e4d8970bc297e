/**
 * Selecting what is due. It runs on the writer thread, in line with the calls that change rows, so that it never sees a
 * row as it was before a change that its caller was told of. Which rows are leased, the main thread knows and says.
 */
import type { Connection, Operation, Statement } from "../../sqlite/module.ts";
import type { LeaseAnswer, LeasePayload } from "./messages.ts";
import { RowReader } from "./row-reader.ts";

interface DueRow {
  readonly seq: number;
  readonly dueAt: number;
}

export function leaseDue(connection: Connection): Operation {
  const reader = new RowReader(connection);
  const inOrder = { parked: selectInOrder(connection, "parked"), dead: selectInOrder(connection, "dead") };
  return (payload: LeasePayload) => {
    const { due, next } = findDue(inOrder[payload.state], payload);
    const page = reader.read(
      due.map(({ seq }) => seq),
      payload.limit,
    );
    const answer: LeaseAnswer = { ...page, nextDueAt: (due[page.rows.length] ?? next)?.dueAt };
    return { result: answer, transfer: [answer.events] };
  };
}

function selectInOrder(connection: Connection, state: LeasePayload["state"]): Statement<DueRow> {
  return connection.prepare(`
    SELECT seq, due_at AS dueAt FROM delivery
    WHERE subscription = ? AND state = '${state}' AND due_at IS NOT NULL ORDER BY due_at, seq`);
}

/** The due rows that are not leased, up to the limit, and the one after them. */
function findDue(inOrder: Statement<DueRow>, { subscription, now, limit, held }: LeasePayload) {
  const leased = new Set(held);
  const due: DueRow[] = [];
  for (const row of inOrder.iterate(subscription)) {
    if (leased.has(row.seq)) continue;
    if (row.dueAt > now || due.length >= limit) return { due, next: row };
    due.push(row);
  }
  return { due, next: undefined };
}
