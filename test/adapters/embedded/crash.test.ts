import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { POSITION_FLUSH_MS } from "../../../src/limits.ts";
import { idOf } from "../../../src/transport/conformance/events.ts";
import { receiveAndAck } from "../../../src/transport/conformance/steps.ts";
import { eventually } from "../../support/eventually.ts";
import { EmbeddedLog, EVERYTHING } from "./log.ts";

/** How much the ledger grows before each kill: from the first claims to a second or so of work. */
const KILL_AFTER_BYTES = [2_000, 20_000, 100_000, 300_000, 600_000, 1_000_000];
/** What the positions in the file may be behind when the machine is busy: the time of a flush, and a slow commit. */
const FLUSH_LAG_MS = POSITION_FLUSH_MS + 300;

describe("a kill -9 in the middle", () => {
  let directory: string;
  let ledgerPath: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "pulsebus-crash-"));
    ledgerPath = join(directory, "ledger");
    await writeFile(ledgerPath, "");
  });
  afterEach(async () => {
    child?.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  it("loses nothing that was confirmed, repeats only what was open or just acked, and marks it", {
    timeout: 60_000,
  }, async () => {
    const ledger = new Ledger();
    for (const [round, bytes] of KILL_AFTER_BYTES.entries()) {
      await runAndKill(round, bytes);
      ledger.readRound(await readFile(ledgerPath, "utf8"));
    }
    const log = await EmbeddedLog.reopen(directory);
    const consumer = log.transport.consumer("topic", "group", { matcher: EVERYTHING });
    ledger.startRound();
    while (ledger.owed > 0) {
      for (const item of await receiveAndAck(consumer, 1)) {
        ledger.received(idOf(item), item.redelivered);
        ledger.acked(idOf(item));
      }
    }
    await log.stop();
  });

  /** Lets the child work until its ledger has grown by this much. */
  async function runAndKill(round: number, bytes: number): Promise<void> {
    const file = fileURLToPath(new URL("./crash-child.ts", import.meta.url));
    const { size } = await stat(ledgerPath);
    child = spawn(process.execPath, [file, directory, ledgerPath, `${round}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit");
    await eventually(async () => expect((await stat(ledgerPath)).size).toBeGreaterThan(size + bytes), 30_000);
    child.kill("SIGKILL");
    await ended;
  }
});

/** What the processes were told, over all rounds. */
class Ledger {
  #length = 0;
  #now = 0;
  readonly #owed = new Set<string>();
  readonly #received = new Set<string>();
  /** With the time of the ack. */
  readonly #acked = new Map<string, number>();
  /** Of the rounds before. */
  #receivedBefore = new Set<string>();
  #ackedInTime = new Set<string>();

  /** How many events were confirmed and never acked. */
  get owed(): number {
    return this.#owed.size;
  }

  startRound(): void {
    this.#receivedBefore = new Set(this.#received);
    const flushed = this.#now - FLUSH_LAG_MS;
    this.#ackedInTime = new Set([...this.#acked].flatMap(([id, at]) => (at < flushed ? [id] : [])));
  }

  readRound(text: string): void {
    this.startRound();
    const lines = text.slice(this.#length).split("\n").slice(0, -1);
    this.#length = text.lastIndexOf("\n") + 1;
    for (const line of lines) {
      const [what = "", id = "", flag = ""] = line.split(" ");
      if (what === "T") this.#now = Number(id);
      if (what === "P" && !this.#acked.has(id)) this.#owed.add(id);
      if (what === "R") this.received(id, flag === "1");
      if (what === "A") this.acked(id);
    }
  }

  received(id: string, redelivered: boolean): void {
    if (this.#receivedBefore.has(id) && !redelivered) expect.fail(`${id} came again and was not marked`);
    if (this.#ackedInTime.has(id)) expect.fail(`${id} came again long after it was acked`);
    this.#received.add(id);
  }

  acked(id: string): void {
    this.#acked.set(id, this.#now);
    this.#owed.delete(id);
  }
}
