/**
 * A process of its own whose files can't grow beyond a limit that it sets with `prlimit`: writing past it is an I/O
 * error (EFBIG), a real one. It writes until that happens, lifts the limit, and goes on. Prints what it saw as JSON.
 */
import { execFileSync } from "node:child_process";
import { addLine, linesOf, openLedger } from "./open-ledger.ts";

const FILE_BYTES = 1024 * 1024;
const [directory = ""] = process.argv.slice(2);

function limitFiles(bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
}

process.on("SIGXFSZ", () => {}); // without a handler the signal would end the process
const database = await openLedger(directory);
const committed: string[] = [];
const codes: string[] = [];

async function addMany(round: number): Promise<void> {
  const texts = Array.from({ length: 8 }, (_, index) => `${round} ${index} ${"x".repeat(8_000)}`);
  const results = await Promise.allSettled(texts.map((text) => addLine(database, text)));
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") committed.push(texts[index] ?? "");
    else codes.push(result.reason.code);
  }
}

limitFiles(FILE_BYTES);
let round = 0;
while (codes.length === 0) await addMany(round++);
await addMany(round++);
limitFiles("unlimited");
const failedCodes = [...new Set(codes)];
for (codes.length = 1; codes.length > 0; round++) {
  codes.length = 0;
  await addMany(round);
}
const openCount = await database.write<number>("ledger.openCount", () => ({ payload: undefined }));
const lines = new Set(await linesOf(database));
await database.close();
const lost = committed.filter((text) => !lines.has(text)).length;
process.stdout.write(JSON.stringify({ failedCodes, reopened: openCount > 1, lost }));
