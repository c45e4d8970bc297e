#!/usr/bin/env node
// The `pulsebus` command: the built program where there is one (the image and the package), the sources otherwise.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { run } from "./runtime.js";

const built = fileURLToPath(new URL("../dist/src/main.js", import.meta.url));
const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
await run(existsSync(built) ? built : source, process.argv.slice(2));
