/**
 * What a group keeps beside its committed offset, in the metadata that Kafka stores with it. An offset alone says that
 * everything below is settled. The note adds what was settled above it, so that a restart repeats only open events; it
 * names the topic's id, so that an offset is not taken for one of a topic that was created again; and it says whether
 * its writer ended in good order.
 *
 *   pulsebus1 <topic id> <clean|used> <began> <high> <open>,<open>,...
 *
 * Numbers are in base 36; `high` and the open offsets count from the committed offset.
 *
 * clean: nothing at or above `high` was ever handed out.
 * used:  a consumer is at work, or ended without a word: anything may have been handed out.
 */
import { LIMITS } from "./limits.ts";

export interface Note {
  readonly topicId: string;
  readonly state: "clean" | "used";
  /** Where the group began. */
  readonly began: bigint;
  /** Below it, what is not open was settled; at or above it nothing was. */
  readonly high: bigint;
  /** Ascending. */
  readonly open: readonly bigint[];
}

const MARK = "pulsebus1";
const SHAPE = /^pulsebus1 (\S+) (clean|used) ([0-9a-z]+) ([0-9a-z]+) ([0-9a-z,]*)$/;

/** Open offsets that find no room are left out together with all that was settled above them. */
export function formatNote(note: Note, floor: bigint): string {
  const list: string[] = [];
  let room = LIMITS.noteBytes;
  for (const offset of note.open) {
    const text = (offset - floor).toString(36);
    room -= text.length + 1;
    if (room < 0) return head({ ...note, state: "used", high: offset }, floor) + list.join(",");
    list.push(text);
  }
  return head(note, floor) + list.join(",");
}

/** Undefined for what others have written: nothing, as the tools of Kafka do, or anything. */
export function parseNote(text: string | null | undefined, floor: bigint): Note | undefined {
  const [, topicId, state, began, high, open] = SHAPE.exec(text ?? "") ?? [];
  if (topicId === undefined || began === undefined || high === undefined || open === undefined) return undefined;
  return {
    topicId,
    state: state === "clean" ? "clean" : "used",
    began: fromBase36(began),
    high: floor + fromBase36(high),
    open: open === "" ? [] : open.split(",").map((offset) => floor + fromBase36(offset)),
  };
}

function head({ topicId, state, began, high }: Note, floor: bigint): string {
  return `${MARK} ${topicId} ${state} ${began.toString(36)} ${(high - floor).toString(36)} `;
}

function fromBase36(digits: string): bigint {
  let value = 0n;
  for (const digit of digits) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}
