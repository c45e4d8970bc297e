import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatNote, type Note, parseNote } from "../../../adapters/kafka/note.ts";

const TOPIC = "4fed18cd-82f0-47ea-814a-1b64ebe43805";

const offsets = fc.bigInt({ min: 0n, max: 2n ** 62n });
const notes = fc
  .record({ floor: offsets, steps: fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 400 }), began: offsets })
  .map(({ floor, steps, began }) => {
    const open: bigint[] = [];
    for (const step of steps) open.push((open.at(-1) ?? floor - 1n) + BigInt(step));
    return {
      floor,
      note: { topicId: TOPIC, state: "clean", began, high: (open.at(-1) ?? floor) + 1n, open } satisfies Note,
    };
  });

describe("the note beside a committed offset", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(notes, ({ floor, note }) => {
        expect(parseNote(formatNote(note, floor), floor)).toEqual(note);
      }),
    );
  });

  it("fits what brokers take, and never calls an open event settled when it does not fit", () => {
    const open = Array.from({ length: 3_000 }, (_, n) => 10n ** 15n + BigInt(n) * 7n);
    const floor = open[0] ?? 0n;
    const note: Note = { topicId: TOPIC, state: "clean", began: 0n, high: floor + 100_000n, open };
    const text = formatNote(note, floor);
    expect(text.length).toBeLessThanOrEqual(4_096);
    const read = parseNote(text, floor);
    expect(read?.state).toBe("used"); // above `high` events were handed out
    expect(read?.open.length).toBeGreaterThan(500);
    for (const offset of open)
      expect(offset >= (read?.high ?? 0n) || read?.open.includes(offset), `${offset}`).toBe(true);
  });

  it.each([null, undefined, "", "metadata of others", `pulsebus2 ${TOPIC} clean 0 0 `, `pulsebus1 ${TOPIC} odd 0 0 `])(
    "is none when others wrote %j",
    (text) => {
      expect(parseNote(text, 5n)).toBeUndefined();
    },
  );
});
