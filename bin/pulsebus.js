#!/usr/bin/env node
// The `pulsebus` command: the sources in a checkout, the built program where there are none (the image and the package).
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "./runtime.js";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const built = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
await run(existsSync(source) ? source : built, process.argv.slice(2));
