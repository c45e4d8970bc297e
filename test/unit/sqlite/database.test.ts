/**
 * The database as its users see it: real files, real threads. What a full disk, a broken disk and a killed process do
 * to it stands in `faults.test.ts`.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../src/sqlite/database.ts";
import { sibling } from "../../../src/sqlite/sibling.ts";
import { ManualClock } from "./support/manual-clock.ts";
import { addLine, linesOf, openLedger } from "./support/open-ledger.ts";

let directory: string;
let database: Database;
const clock = new ManualClock();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "pulsebus-sqlite-"));
  database = await openLedger(directory, { clock });
});

afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A write whose seal tells when its group is sent. */
function observed(text: string): { readonly sealed: Promise<void>; readonly written: Promise<number> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const written = database.write<number>("ledger.add", () => {
    resolve();
    return { payload: text };
  });
  return { sealed: promise, written };
}

describe("a write", () => {
  it("resolves with the operation's result, and can be read then", async () => {
    expect(await addLine(database, "first")).toBe(1);
    expect(await linesOf(database)).toEqual(["first"]);
  });

  it("is still there when the file is opened again", async () => {
    await addLine(database, "kept");
    await database.close();
    database = await openLedger(directory, { clock });
    expect(await linesOf(database)).toEqual(["kept"]);
  });

  it("gives a transferred buffer back when the operation says so", async () => {
    const body = new Uint8Array(1024).fill(7);
    const back = await database.write<Uint8Array>("ledger.addBody", () => ({
      payload: { text: "body", body },
      transfer: [body.buffer],
    }));
    expect(body.byteLength).toBe(0);
    expect(back).toEqual(new Uint8Array(1024).fill(7));
  });

  it("of an operation that does not exist fails alone as internal", async () => {
    const unknown = database.write("ledger.unknown", () => ({ payload: undefined }));
    const neighbour = addLine(database, "neighbour");
    await expect(unknown).rejects.toMatchObject({ code: "internal" });
    await neighbour;
  });

  it("whose payload can't be sealed fails alone as internal", async () => {
    const unsealed = database.write("ledger.add", () => {
      throw new Error("no payload");
    });
    const neighbour = addLine(database, "neighbour");
    await expect(unsealed).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("no payload") });
    await neighbour;
  });

  it("whose payload can't be cloned fails as internal, and the next one works", async () => {
    const write = database.write("ledger.add", () => ({ payload: () => "a function" }));
    await expect(write).rejects.toMatchObject({ code: "internal" });
    await addLine(database, "next");
  });
});

describe("group commit", () => {
  it("takes calls of the same turn into one commit, in their order", async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `line ${index}`);
    await Promise.all(texts.map((text) => addLine(database, text)));
    expect(database.metrics.commits).toBe(1);
    expect(database.metrics.operations).toBe(50);
    expect(await linesOf(database)).toEqual(texts);
  });

  it("takes what is called during a commit into the next one, sealed when that is sent", async () => {
    const first = observed("first");
    await first.sealed;
    const later = [observed("second"), observed("third")];
    const sealedEarly = await Promise.race([later[0]?.sealed.then(() => true), Promise.resolve(false)]);
    await Promise.all([first, ...later].map(({ written }) => written));
    expect(sealedEarly).toBe(false);
    expect(database.metrics.commits).toBe(2);
    expect(await linesOf(database)).toEqual(["first", "second", "third"]);
  });

  it("splits more operations than one group may have, and keeps their order", async () => {
    const texts = Array.from({ length: 2_500 }, (_, index) => `line ${index}`);
    await Promise.all(texts.map((text) => addLine(database, text)));
    expect(database.metrics.commits).toBe(3);
    expect(await linesOf(database)).toEqual(texts);
  });

  it("ends a group when its buffers are large enough", async () => {
    const write = (text: string): Promise<unknown> => {
      const body = new Uint8Array(12 * 1024 * 1024);
      return database.write("ledger.addBody", () => ({ payload: { text, body }, transfer: [body.buffer] }));
    };
    await Promise.all([write("a"), write("b"), write("c")]);
    expect(database.metrics.commits).toBe(2);
  });

  it("counts its commits and how many operations they had", async () => {
    await addLine(database, "one");
    await Promise.all([addLine(database, "two"), addLine(database, "three")]);
    const { commitOperations, commitSeconds, failedCommits } = database.metrics;
    expect(commitOperations.counts.slice(0, 2)).toEqual([1, 1]);
    expect(commitSeconds.counts.reduce((sum, count) => sum + count)).toBe(2);
    expect(failedCommits).toBe(0);
  });
});

describe("a lazy write", () => {
  const lazily = (text: string, withinMs: number): Promise<number> =>
    database.writeLazily<number>("ledger.add", withinMs, () => ({ payload: text }));

  it("travels with an earlier group, in the order of the calls", async () => {
    const lazy = lazily("lazy", 20);
    await Promise.all([lazy, addLine(database, "urgent")]);
    expect(database.metrics.commits).toBe(1);
    expect(await linesOf(database)).toEqual(["lazy", "urgent"]);
  });

  it("waits for its time, and then causes a commit of its own", async () => {
    let done = false;
    const lazy = lazily("lazy", 20).then(() => {
      done = true;
    });
    clock.advance(19);
    expect(await linesOf(database)).toEqual([]);
    expect(done).toBe(false);
    clock.advance(1);
    await lazy;
    expect(await linesOf(database)).toEqual(["lazy"]);
  });

  it("is taken along by one that must be written sooner", async () => {
    const patient = lazily("patient", 1_000);
    const hasty = lazily("hasty", 20);
    clock.advance(20);
    await Promise.all([patient, hasty]);
    expect(database.metrics.commits).toBe(1);
  });

  it("is committed by close", async () => {
    const lazy = lazily("lazy", 1_000);
    await database.close();
    await lazy;
    database = await openLedger(directory, { clock });
    expect(await linesOf(database)).toEqual(["lazy"]);
  });
});

describe("an operation that fails", () => {
  it("with a declared error reaches its caller typed, undone, and leaves its neighbours", async () => {
    const before = addLine(database, "before");
    const refused = database.write("ledger.addThenRefuse", () => ({ payload: "guest" }));
    const after = addLine(database, "after");
    await expect(refused).rejects.toMatchObject({ name: "OperationError", code: "not_welcome" });
    await Promise.all([before, after]);
    expect(await linesOf(database)).toEqual(["before", "after"]);
    expect(database.metrics.failedCommits).toBe(0);
  });

  it("with a declared error when alone leaves nothing behind", async () => {
    const refused = database.write("ledger.addThenRefuse", () => ({ payload: "guest" }));
    await expect(refused).rejects.toMatchObject({ code: "not_welcome" });
    expect(await linesOf(database)).toEqual([]);
  });

  it.each(["ledger.addThenThrow", "ledger.goOnAfterRollback"])(
    "by %s fails alone: its group is retried one by one",
    async (operation) => {
      const before = addLine(database, "before");
      const body = new Uint8Array(16);
      const moved = database.write("ledger.addBody", () => ({
        payload: { text: "moved", body },
        transfer: [body.buffer],
      }));
      const faulty = database.write(operation, () => ({ payload: "faulty" }));
      const after = addLine(database, "after");
      await expect(faulty).rejects.toMatchObject({ name: "PulsebusError", code: "internal" });
      await Promise.all([before, moved, after]);
      expect(await linesOf(database)).toEqual(["before", "moved", "after"]);
      expect(database.metrics.failedCommits).toBe(1);
    },
  );

  it("by a constraint fails alone", async () => {
    await addLine(database, "taken");
    const results = await Promise.allSettled([addLine(database, "free"), addLine(database, "taken")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(await linesOf(database)).toEqual(["taken", "free"]);
  });
});

describe("a read", () => {
  it("sees every write that was answered before it was called", async () => {
    for (let count = 1; count <= 50; count++) {
      await addLine(database, `line ${count}`);
      expect(await linesOf(database)).toHaveLength(count);
    }
  });

  it("can't write", async () => {
    await addLine(database, "kept");
    await expect(database.read("ledger.write", undefined)).rejects.toMatchObject({ name: "PulsebusError" });
    expect(await linesOf(database)).toEqual(["kept"]);
  });

  it("whose payload can't be cloned fails, and the next one works", async () => {
    await expect(database.read("ledger.lines", () => "a function")).rejects.toMatchObject({ code: "internal" });
    expect(await linesOf(database)).toEqual([]);
  });
});

describe("the file", () => {
  const settings = (): Promise<unknown> => database.write("ledger.settings", () => ({ payload: undefined }));

  it("is durable with every open, not only with the one that created it", async () => {
    expect(await settings()).toEqual([2, "wal", 8192]);
    await database.close();
    database = await openLedger(directory, { clock });
    expect(await settings()).toEqual([2, "wal", 8192]);
  });

  it("keeps its WAL short however much is written", async () => {
    for (let index = 0; index < 100; index++) {
      const body = new Uint8Array(256 * 1024);
      await database.write("ledger.addBody", () => ({ payload: { text: `${index}`, body }, transfer: [body.buffer] }));
    }
    expect(statSync(join(directory, "pulsebus.db-wal")).size).toBeLessThan(9 * 1024 * 1024);
  });
});

describe("free space", () => {
  it("is enough while more than the minimum is free", () => {
    expect(database.hasRoom).toBe(true);
  });

  it("is too little as soon as the database is open on a disk below the minimum", async () => {
    const other = await openLedger(join(directory, "other"), { minFreeBytes: 2 ** 60 });
    expect(other.hasRoom).toBe(false);
    await other.close();
  });
});

describe("close", () => {
  it("commits what was called before, and refuses what is called later", async () => {
    const written = addLine(database, "last");
    const closed = database.close();
    await expect(addLine(database, "late")).rejects.toMatchObject({ code: "unavailable" });
    await Promise.all([written, closed]);
    await expect(linesOf(database)).rejects.toMatchObject({ code: "unavailable" });
    await expect(database.check()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("may be called twice", async () => {
    await Promise.all([database.close(), database.close()]);
    await database.close();
  });

  it("leaves one file without a WAL", async () => {
    await addLine(database, "kept");
    await database.close();
    expect(statSync(join(directory, "pulsebus.db-wal"), { throwIfNoEntry: false })).toBeUndefined();
  });
});

it("answers a check while it can be written", async () => {
  await database.check();
  expect(database.metrics.commits).toBe(1);
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
