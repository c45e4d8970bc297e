/** Opening and closing: what a file is like, and what is left of it. */
import { mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sibling } from "../../../src/runtime/sibling.ts";
import type { Database } from "../../../src/sqlite/database.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { addLine, linesOf, openLedger, withLedger } from "./support/open-ledger.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pulsebus-sqlite-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const walBytes = (): number | undefined =>
  statSync(join(directory, "pulsebus.db-wal"), { throwIfNoEntry: false })?.size;

describe("the file", () => {
  it("is durable with every open, not only with the one that created it", async () => {
    const settings = (database: Database): Promise<unknown> =>
      database.write("ledger.settings", () => ({ payload: undefined }));
    expect(await withLedger(directory, settings)).toEqual([2, "wal", 8192]);
    expect(await withLedger(directory, settings)).toEqual([2, "wal", 8192]);
  });

  it("cuts its WAL back after a large commit, and keeps it short", async () => {
    await withLedger(directory, async (database) => {
      const write = (text: string, bytes: number): Promise<unknown> => {
        const body = new Uint8Array(bytes);
        return database.write("ledger.addBody", () => ({ payload: { text, body }, transfer: [body.buffer] }));
      };
      await write("large", 20 * 1024 * 1024);
      expect(walBytes()).toBeGreaterThan(20 * 1024 * 1024);
      for (let index = 0; index < 20; index++) await write(`${index}`, 256 * 1024);
      expect(walBytes()).toBeLessThan(9 * 1024 * 1024);
    });
  });

  it("is one file without a WAL when it is closed", async () => {
    await withLedger(directory, (database) => addLine(database, "kept"));
    expect(walBytes()).toBeUndefined();
    expect(await withLedger(directory, linesOf)).toEqual(["kept"]);
  });
});

describe("a data directory", () => {
  it("is created when it is missing", async () => {
    await withLedger(join(directory, "new", "deep"), (database) => database.check());
  });

  it("that can't be created is refused by its name", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const open = openLedger(join(file, "data"));
    await expect(open).rejects.toMatchObject({ code: "invalid-configuration", message: expect.stringContaining(file) });
  });

  it("whose database is another kind of file is refused, and stays free", async () => {
    const file = join(directory, "pulsebus.db");
    writeFileSync(file, "this is no database, and it is longer than a header ".repeat(100));
    await expect(openLedger(directory)).rejects.toMatchObject({ code: "unavailable" });
    unlinkSync(file);
    await withLedger(directory, (database) => database.check());
  });

  it("says whether the free space is above the minimum", async () => {
    const hasRoom = (database: Database): Promise<boolean> => Promise.resolve(database.hasRoom);
    expect(await withLedger(directory, hasRoom)).toBe(true);
    expect(await withLedger(directory, hasRoom, { minFreeBytes: 2 ** 60 })).toBe(false);
  });
});

describe("close", () => {
  it("commits what was called before, lazy calls too, and refuses what is called later", async () => {
    const database = await openLedger(directory, { clock: new ManualClock() });
    const lazy = database.writeLazily("ledger.add", 1_000, () => ({ payload: "lazy" }));
    const closed = database.close();
    await expect(addLine(database, "late")).rejects.toMatchObject({ code: "unavailable" });
    await Promise.all([lazy, closed]);
    await expect(linesOf(database)).rejects.toMatchObject({ code: "unavailable" });
    await expect(database.check()).rejects.toMatchObject({ code: "unavailable" });
    expect(await withLedger(directory, linesOf)).toEqual(["lazy"]);
  });

  it("answers the reads that were called before", async () => {
    const database = await openLedger(directory);
    const [lines] = await Promise.all([linesOf(database), database.close()]);
    expect(lines).toEqual([]);
  });

  it("may be called twice", async () => {
    const database = await openLedger(directory);
    await Promise.all([database.close(), database.close()]);
    await database.close();
  });
});

describe("migrations", () => {
  const v2 = { module: new URL("support/ledger-v2.ts", import.meta.url) };

  it("run once, however often the file is opened", async () => {
    await withLedger(directory, (database) => addLine(database, "kept"));
    await withLedger(directory, (database) => addLine(database, "next"));
    expect(await withLedger(directory, linesOf)).toEqual(["kept", "next"]);
  });

  it("go forward from the version that the file has", async () => {
    await withLedger(directory, (database) => addLine(database, "old"));
    expect(await withLedger(directory, linesOf, v2)).toEqual(["old"]);
  });

  it("refuse a file that a newer version wrote, by name and with both versions", async () => {
    await withLedger(directory, linesOf, v2);
    await expect(openLedger(directory)).rejects.toMatchObject({
      code: "invalid-configuration",
      message: expect.stringMatching(/ledger schema has version 2.*knows 1/),
    });
    await withLedger(directory, linesOf, v2);
  });
});

describe("the address of a sibling", () => {
  it.each([
    ["file:///app/src/a/open.ts", "file:///app/src/a/writer.ts"],
    ["file:///app/dist/src/a/open.js", "file:///app/dist/src/a/writer.js"],
    ["file:///app/src/a/open.ts?v=1", "file:///app/src/a/writer.ts"],
  ])("of %s is %s", (caller, expected) => {
    expect(sibling(caller, "writer").href).toBe(expected);
  });
});
