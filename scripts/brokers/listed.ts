/** Prints the brokers that adapters exist for and that `brokers.sh` can install, one a line: what CI runs the suite on. */
import { existsSync } from "node:fs";
import { adapters } from "../../adapters/index.ts";

for (const name of Object.keys(adapters)) {
  if (existsSync(new URL(`${name}.sh`, import.meta.url))) console.log(name);
}
