/**
 * The database as its users see it: a real file, real threads. What a full disk, a broken disk and a killed process do to
 * it stands in `faults.test.ts`, what opening and closing does in `file.test.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database, DatabaseMetrics } from "../../../src/sqlite/database.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { addLine, linesOf, openLedger } from "./support/open-ledger.ts";

let directory: string;
let database: Database;
let before: DatabaseMetrics;
const clock = new ManualClock();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "pulsebus-sqlite-"));
  database = await openLedger(directory, { clock });
});

beforeEach(async () => {
  await database.write("ledger.clear", () => ({ payload: undefined }));
  before = database.metrics;
});

afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Since the test began. */
function commits(): number {
  return database.metrics.commits - before.commits;
}

function addBody(text: string, bytes: number): Promise<Uint8Array> {
  const body = new Uint8Array(bytes).fill(7);
  return database.write("ledger.addBody", () => ({ payload: { text, body }, transfer: [body.buffer] }));
}

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

  it("moves its buffers, and gets back what the operation gives back", async () => {
    const body = new Uint8Array(1024).fill(7);
    const payload = { text: "body", body };
    const back = database.write("ledger.addBody", () => ({ payload, transfer: [body.buffer] }));
    expect(await back).toEqual(new Uint8Array(1024).fill(7));
    expect(body.byteLength).toBe(0);
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
    expect(commits()).toBe(1);
    expect(database.metrics.operations - before.operations).toBe(50);
    expect(await linesOf(database)).toEqual(texts);
  });

  it("takes what is called during a commit into the next one, sealed when that is sent", async () => {
    const first = observed("first");
    await first.sealed;
    const later = [observed("second"), observed("third")];
    const sealedEarly = await Promise.race([later[0]?.sealed.then(() => true), Promise.resolve(false)]);
    await Promise.all([first, ...later].map(({ written }) => written));
    expect(sealedEarly).toBe(false);
    expect(commits()).toBe(2);
    expect(await linesOf(database)).toEqual(["first", "second", "third"]);
  });

  it("splits more operations than one group may have, and keeps their order", async () => {
    const texts = Array.from({ length: 2_500 }, (_, index) => `line ${index}`);
    await Promise.all(texts.map((text) => addLine(database, text)));
    expect(commits()).toBe(3);
    expect(await linesOf(database)).toEqual(texts);
  });

  it("ends a group when its buffers are large enough", async () => {
    await Promise.all(["a", "b", "c"].map((text) => addBody(text, 12 * 1024 * 1024)));
    expect(commits()).toBe(2);
  });

  it("counts its commits, how long they took and how many operations they had", async () => {
    await addLine(database, "one");
    await Promise.all([addLine(database, "two"), addLine(database, "three")]);
    const { commitOperations, commitSeconds, failedCommits } = database.metrics;
    const newSizes = commitOperations.counts.map(
      (count, bucket) => count - (before.commitOperations.counts[bucket] ?? 0),
    );
    expect(newSizes.slice(0, 3)).toEqual([1, 1, 0]);
    expect(commitSeconds.sum).toBeGreaterThan(before.commitSeconds.sum);
    expect(failedCommits).toBe(before.failedCommits);
  });
});

describe("a lazy write", () => {
  const lazily = (text: string, withinMs: number): Promise<number> =>
    database.writeLazily<number>("ledger.add", withinMs, () => ({ payload: text }));

  it("travels with an earlier group, in the order of the calls", async () => {
    await Promise.all([lazily("lazy", 20), addLine(database, "urgent")]);
    expect(commits()).toBe(1);
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
    expect(commits()).toBe(1);
  });
});

describe("an operation that fails", () => {
  it("with a declared error reaches its caller typed, undone, and leaves its neighbours", async () => {
    const first = addLine(database, "before");
    const refused = database.write("ledger.addThenRefuse", () => ({ payload: "guest" }));
    const last = addLine(database, "after");
    await expect(refused).rejects.toMatchObject({ name: "OperationError", code: "not_welcome" });
    await Promise.all([first, last]);
    expect(await linesOf(database)).toEqual(["before", "after"]);
    expect(commits()).toBe(1);
    expect(database.metrics.failedCommits).toBe(before.failedCommits);
  });

  it("with a declared error when alone leaves nothing behind", async () => {
    const refused = database.write("ledger.addThenRefuse", () => ({ payload: "guest" }));
    await expect(refused).rejects.toMatchObject({ code: "not_welcome" });
    expect(await linesOf(database)).toEqual([]);
  });

  it.each(["ledger.addThenThrow", "ledger.goOnAfterRollback", "ledger.hideRollback"])(
    "by %s fails alone: its group is retried one by one",
    async (operation) => {
      const first = addLine(database, "before");
      const moved = addBody("moved", 16);
      const faulty = database.write(operation, () => ({ payload: "faulty" }));
      const last = addLine(database, "after");
      await expect(faulty).rejects.toMatchObject({ name: "PulsebusError", code: "internal" });
      await Promise.all([first, moved, last]);
      expect(await linesOf(database)).toEqual(["before", "moved", "after"]);
      expect(database.metrics.failedCommits).toBe(before.failedCommits + 1);
    },
  );

  it("by hiding a rollback fails when alone", async () => {
    const faulty = database.write("ledger.hideRollback", () => ({ payload: "faulty" }));
    await expect(faulty).rejects.toMatchObject({ code: "internal" });
    expect(await linesOf(database)).toEqual([]);
  });

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

it("answers a check by a commit of its own", async () => {
  await database.check();
  expect(commits()).toBe(1);
});
