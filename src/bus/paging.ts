import { PulsebusError } from "../errors.ts";
import type { Page } from "../store/port.ts";

export interface PageRequest {
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** One page of names in order; the cursor is the last name of the page before, so changes meanwhile do no harm. */
export function pageOfNames(names: Iterable<string>, { cursor, limit }: PageRequest): Page<string> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const rest = [...names].filter((name) => after === undefined || name > after).sort(byCodeUnit);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rest.length > limit && last !== undefined ? encodeCursor(last) : undefined };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encodeCursor(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function decodeCursor(cursor: string): string {
  const name = Buffer.from(cursor, "base64url").toString();
  if (encodeCursor(name) === cursor) return name;
  throw new PulsebusError("invalid-request", "cursor: pass the `next` of the page before, unchanged", { at: "cursor" });
}
