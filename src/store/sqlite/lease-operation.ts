/**
 * Selecting what is due. It runs on the writer thread, in line with the calls that change rows, so that it never sees a
 * row as it was before a change that its caller was told of. Which rows are leased, the main thread knows and says.
 */
import type { Connection, Operation } from "../../sqlite/module.ts";
import type { LeaseAnswer, LeasePayload } from "./messages.ts";
import { RowPage, type RowWithRecord, SELECT_ROWS } from "./row-page.ts";

interface DueRow {
  readonly seq: number;
  readonly dueAt: number;
}

export function leaseDue(connection: Connection): Operation {
  const inOrder = connection.prepare<DueRow>(`
    SELECT seq, due_at AS dueAt FROM delivery
    WHERE subscription = ? AND state = ? AND due_at IS NOT NULL ORDER BY due_at, seq`);
  const select = connection.prepare<RowWithRecord>(`${SELECT_ROWS} WHERE d.seq = ?`);

  return ({ subscription, state, now, limit, held }: LeasePayload) => {
    const leased = new Set(held);
    const due: DueRow[] = [];
    let next: DueRow | undefined;
    for (const row of inOrder.iterate(subscription, state)) {
      if (leased.has(row.seq)) continue;
      next = row;
      if (row.dueAt > now || due.length >= limit) break;
      due.push(row);
      next = undefined;
    }
    const page = new RowPage(limit);
    for (const row of due) {
      if (page.isFull) {
        next = row;
        break;
      }
      page.fill(select.iterate(row.seq));
    }
    const answer: LeaseAnswer = { ...page.answer(next !== undefined), nextDueAt: next?.dueAt };
    return { result: answer, transfer: [answer.events] };
  };
}
