/** `npm run docs:capabilities`: writes the table of what the adapters can do into README.md, between its markers. */
import { readFile, writeFile } from "node:fs/promises";
import { capabilityTable } from "../test/support/capability-table.ts";

const README = new URL("../README.md", import.meta.url);

const text = await readFile(README, "utf8");
const table = await capabilityTable();
await writeFile(README, text.replace(/(<!-- capabilities -->\n)[\s\S]*?(\n<!-- \/capabilities -->)/, `$1${table}$2`));
