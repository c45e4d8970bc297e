/**
 * The database when something breaks. The faults are real: a file system of 8 MiB, a limit on the size of files, threads
 * and processes that end.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../../src/sqlite/database.ts";
import { eventually } from "../../support/eventually.ts";
import { addLine, linesOf, openLedger, withLedger } from "./support/open-ledger.ts";

const HOLDER = new URL("support/holder.ts", import.meta.url).pathname;
const LIMITED_WRITER = new URL("support/limited-writer.ts", import.meta.url).pathname;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pulsebus-sqlite-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function canRun(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function canMount(): boolean {
  const target = mkdtempSync(join(tmpdir(), "pulsebus-mount-"));
  const mounted = canRun("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", target);
  if (mounted) execFileSync("umount", [target]);
  rmSync(target, { recursive: true });
  return mounted;
}

describe.skipIf(!canMount())("a full disk", () => {
  const addBody = (database: Database, text: string, bytes: number): Promise<unknown> => {
    const body = new Uint8Array(bytes);
    return database.write("ledger.addBody", () => ({ payload: { text, body }, transfer: [body.buffer] }));
  };

  async function untilFull(database: Database): Promise<string[]> {
    const committed: string[] = [];
    try {
      for (let index = 0; ; index++) {
        await addBody(database, `line ${index}`, 64 * 1024);
        committed.push(`line ${index}`);
      }
    } catch (error) {
      expect(error).toMatchObject({ code: "storage-full", retryAfterSeconds: expect.any(Number) });
    }
    return committed;
  }

  beforeEach(() => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", directory]);
  });

  afterEach(() => {
    execFileSync("umount", [directory]);
  });

  it("refuses writes as storage-full, keeps what was committed, and goes on when there is room again", async () => {
    const filler = join(directory, "filler");
    writeFileSync(filler, new Uint8Array(3 * 1024 * 1024));
    await withLedger(directory, async (database) => {
      const committed = await untilFull(database);
      expect(committed.length).toBeGreaterThan(0);
      expect(await linesOf(database)).toEqual(committed);
      await expect(addBody(database, "again", 64 * 1024)).rejects.toMatchObject({ code: "storage-full" });
      unlinkSync(filler);
      await addBody(database, "room again", 64 * 1024);
      await database.check();
      expect(await linesOf(database)).toEqual([...committed, "room again"]);
    });
  });

  it("refuses only the call of a group that does not fit", async () => {
    await withLedger(directory, async (database) => {
      const calls = [
        addLine(database, "before"),
        addBody(database, "large", 16 * 1024 * 1024),
        addLine(database, "after"),
      ];
      const results = await Promise.allSettled(calls);
      expect(results).toMatchObject([
        { status: "fulfilled" },
        { status: "rejected", reason: { code: "storage-full" } },
        { status: "fulfilled" },
      ]);
      expect(await linesOf(database)).toEqual(["before", "after"]);
    });
  });
});

describe.skipIf(!canRun("prlimit", "--version"))("an I/O error at commit", () => {
  it("answers the whole group unavailable; the file is opened again, and nothing committed is lost", async () => {
    const output = execFileSync(process.execPath, [LIMITED_WRITER, directory], { encoding: "utf8", timeout: 20_000 });
    expect(JSON.parse(output)).toEqual({ failedCodes: ["unavailable"], reopened: true, lost: 0 });
  });
});

describe("a thread that ends", () => {
  it("of the writer rejects all that waits, and is started again with all that was committed", async () => {
    await withLedger(directory, async (database) => {
      await addLine(database, "kept");
      const calls = [database.write("ledger.endThread", () => ({ payload: undefined })), addLine(database, "lost")];
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
      }
      await expect(addLine(database, "too early")).rejects.toMatchObject({ code: "unavailable" });
      await eventually(() => addLine(database, "next"));
      expect(await linesOf(database)).toEqual(["kept", "next"]);
    });
  });

  it("of the reader rejects its reads, and is started again", async () => {
    await withLedger(directory, async (database) => {
      await addLine(database, "kept");
      const reads = [database.read("ledger.endReader", undefined), linesOf(database)];
      for (const result of await Promise.allSettled(reads)) {
        expect(result).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
      }
      expect(await eventually(() => linesOf(database))).toEqual(["kept"]);
    });
  });

  it("does not keep close waiting", async () => {
    const database = await openLedger(directory);
    const write = database.write("ledger.endThread", () => ({ payload: undefined }));
    await expect(write).rejects.toMatchObject({ code: "unavailable" });
    await database.close();
    await withLedger(directory, (again) => addLine(again, "free"));
  });
});

describe("a data directory", () => {
  type Holder = ChildProcessByStdio<null, Readable, null>;

  /** Starts a process that holds the directory; answers it with the lines that it prints from then on. */
  async function startHolder(): Promise<{ readonly process: Holder; readonly lines: AsyncIterator<string> }> {
    const process_ = spawn(process.execPath, [HOLDER, directory], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("open");
    return { process: process_, lines };
  }

  it("in use by another process is refused with its name, until that process is killed", async () => {
    const { process: holder } = await startHolder();
    await expect(openLedger(directory)).rejects.toMatchObject({
      code: "data-directory-in-use",
      message: expect.stringContaining(directory),
    });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await withLedger(directory, (database) => database.check());
  });

  it("in use by another process leaves nothing running in the one that is refused", async () => {
    await withLedger(directory, async () => {
      const refused = spawn(process.execPath, [HOLDER, directory], { stdio: ["ignore", "pipe", "inherit"] });
      const [[line], [code]] = await Promise.all([once(refused.stdout, "data"), once(refused, "exit")]);
      expect(String(line)).toBe("data-directory-in-use\n");
      expect(code).toBe(1);
    });
  });

  it("in use by this process is refused as well", async () => {
    await withLedger(directory, async () => {
      await expect(openLedger(directory)).rejects.toMatchObject({ code: "data-directory-in-use" });
    });
  });

  it("of a process killed while it writes has every line that it was told of", async () => {
    const { process: holder, lines } = await startHolder();
    const told: string[] = [];
    while (told.length < 300) told.push((await lines.next()).value);
    holder.kill("SIGKILL");
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) told.push(line.value);
    const kept = new Set(await withLedger(directory, linesOf));
    expect(told.filter((text) => !kept.has(text))).toEqual([]);
  });
});
