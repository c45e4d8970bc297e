/**
 * A process of its own that opens a ledger, says so, and writes lines until it is killed; each committed line is
 * printed. It ends by itself when nobody kills it.
 */
import { addLine, openLedger } from "./open-ledger.ts";

const ROUNDS = 100_000;
const [directory = ""] = process.argv.slice(2);

try {
  const database = await openLedger(directory);
  process.stdout.write("open\n");
  for (let index = 0; index < ROUNDS; index++) {
    const texts = [`${index} a`, `${index} b`, `${index} c`];
    await Promise.all(texts.map((text) => addLine(database, text)));
    process.stdout.write(`${texts.join("\n")}\n`);
  }
  await database.close();
} catch (error) {
  process.stdout.write(`${error instanceof Error && "code" in error ? error.code : error}\n`);
  process.exitCode = 1;
}
