/** Preloaded into a process: writes the name of each npm package that it loads into the file RECORDED_PACKAGES. */
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const PACKAGE = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const file = process.env.RECORDED_PACKAGES ?? "";
const seen = new Set();

registerHooks({
  load(url, context, nextLoad) {
    const name = PACKAGE.exec(url)?.[1];
    if (name !== undefined && !seen.has(name)) {
      seen.add(name);
      appendFileSync(file, `${name}\n`);
    }
    return nextLoad(url, context);
  },
});
