/** Reads a topic without a group: a page from a start, and the search for an identity. */
import {
  LOG_PAGE_BYTES_MAX,
  LOG_PAGE_EVENTS_MAX,
  TRACE_SCAN_BYTES_MAX,
  TRACE_STEP_BYTES_MAX,
} from "../../src/limits.ts";
import type { Database } from "../../src/sqlite/database.ts";
import type { Item, Start, TopicPage } from "../../src/transport/port.ts";
import { LogItem } from "./item.ts";
import { PageReader } from "./log.ts";
import { formatPosition, requireNumber } from "./position.ts";
import type { StartNumber } from "./sql/locate.ts";
import type { Find, Found, Locate, LogPage, ReadPage } from "./sql/reads.ts";
import type { Topic } from "./topic.ts";

/** What the database understands as a start; throws `invalid` for a position of another topic or generation. */
export function toStartNumber(start: Start, topic: Topic): StartNumber {
  switch (start.at) {
    case "time":
      return { at: "time", time: start.time.getTime() };
    case "position":
      return { at: "number", number: requireNumber(start.position, topic.id) };
    default:
      return { at: start.at };
  }
}

/** At the end `next` is absent, except from `latest`, where it is all there is to tell: where the end was. */
export async function browse(database: Database, topic: Topic, from: Start, max: number): Promise<TopicPage> {
  const locate: Locate = { topic: topic.id, start: toStartNumber(from, topic) };
  const start = await database.read<number>("embedded.locate", locate);
  if (from.at === "latest") return { items: [], next: formatPosition(topic.id, start) };
  const items: Item[] = [];
  const until = topic.next;
  let next = start;
  while (items.length < max && next < until) {
    const maxEvents = Math.min(max - items.length, LOG_PAGE_EVENTS_MAX);
    const request: ReadPage = { topic: topic.id, from: next, until, maxEvents, maxBytes: LOG_PAGE_BYTES_MAX };
    const page = await database.read<LogPage>("embedded.page", request);
    const reader = new PageReader(page);
    let entry = reader.next(next);
    if (entry === undefined) break; // retention took the rest meanwhile
    for (; entry !== undefined && items.length < max; entry = reader.next(next)) {
      items.push(new LogItem(topic.id, entry, true));
      next = entry.number + 1;
    }
  }
  return { items, next: next < until ? formatPosition(topic.id, next) : undefined };
}

/** Newest first, in steps, so that other reads get in between. */
export async function findIdentity(
  database: Database,
  topic: Topic,
  { source, id }: { readonly source: string; readonly id: string },
): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }> {
  const items: Item[] = [];
  let before: number | undefined = topic.next;
  let left = TRACE_SCAN_BYTES_MAX;
  while (before !== undefined && left > 0) {
    const request: Find = { topic: topic.id, before, maxBytes: Math.min(left, TRACE_STEP_BYTES_MAX), source, id };
    const found: Found = await database.read<Found>("embedded.find", request);
    const reader = new PageReader(found.page);
    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      items.push(new LogItem(topic.id, entry, true));
    }
    left -= found.scannedBytes;
    before = found.before;
  }
  return { items, complete: before === undefined };
}
