/** How far a group is: by its live session where there is one, else by what it committed. */
import type { Progress } from "../../src/transport/port.ts";
import type { Committed, GroupState } from "./groups.ts";
import type { PositionParts } from "./position.ts";
import type { Session } from "./session.ts";
import type { Offsets } from "./topology.ts";

/** Unread events, those below the log's end that were not handed out. */
export function groupStats({ ends, committed }: GroupState, session: Session | undefined) {
  let backlog = 0;
  for (const [number, end] of ends) {
    const live = session?.partition(number);
    if (live !== undefined) backlog += live.backlog(end);
    else backlog += backlogOf(committed.get(number), end);
  }
  return { backlog, skipped: session?.skipped ?? 0 };
}

/** By partition: the first event that was not handed out. */
export function unreadFrom({ ends, committed }: GroupState, session: Session | undefined): Offsets {
  const from = new Map<number, bigint>();
  for (const number of ends.keys()) {
    const live = session?.partition(number);
    from.set(number, live?.unreadFrom ?? committed.get(number)?.offset ?? 0n);
  }
  return from;
}

export function progressOf(
  { committed }: GroupState,
  session: Session | undefined,
  { offsets }: PositionParts,
): Progress {
  const [first] = offsets;
  if (first === undefined) return "unknown";
  const [number, offset] = first;
  const found = committed.get(number);
  const note = session?.partition(number)?.note("used") ?? found?.note;
  if (note === undefined) return found === undefined || offset >= found.offset ? "unread" : "settled";
  if (offset < note.began) return "before";
  if (note.open.includes(offset)) return "open";
  return offset >= note.high ? "unread" : "settled";
}

function backlogOf(committed: Committed | undefined, end: bigint): number {
  const high = committed?.note?.high ?? committed?.offset ?? 0n;
  return (committed?.note?.open.length ?? 0) + Math.max(0, Number(end - high));
}
