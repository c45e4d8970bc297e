// Finds a Node.js that Pulsebus runs on and starts a program with it. Plain JavaScript that any Node.js from 18 on can
// run: it is the one file that must work before the right Node.js is there.
//
//   node bin/runtime.js FILE [ARGUMENT ...]
//
// The Node.js that runs this file is used when it is new enough; otherwise the one that `npm ci` brought
// (optionalDependencies in package.json; Linux only). Signals are passed on, and so is the exit status.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { constants } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MINIMUM = [24, 6];
/** As in `npm start`: without them V8 lets garbage pile up to hundreds of MiB before it looks at it. */
const HEAP_FLAGS = ["--max-semi-space-size=8", "--initial-old-space-size=64"];
const SIGNALS_OF_A_TERMINAL = ["SIGINT", "SIGHUP"];
const OTHER_SIGNALS = ["SIGTERM", "SIGUSR2"];
const root = fileURLToPath(new URL("..", import.meta.url));

function isNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

function findBundledNode() {
  const candidate = resolve(root, `node_modules/node-linux-${process.arch}/bin/node`);
  return process.platform === "linux" && existsSync(candidate) ? candidate : undefined;
}

/**
 * Whether a terminal sends its signals (Ctrl-C) to this process: then it sends them to the child too, which must not
 * get them twice, because a second one means "stop at once". /proc/PID/stat: state ppid pgrp session tty tpgid.
 */
function isInForegroundOfTerminal() {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foregroundGroup;
  } catch {
    return false;
  }
}

function passSignalsTo(child) {
  for (const signal of OTHER_SIGNALS) process.on(signal, () => child.kill(signal));
  for (const signal of SIGNALS_OF_A_TERMINAL) {
    process.on(signal, () => isInForegroundOfTerminal() || child.kill(signal));
  }
}

function spawnWith(node, argv) {
  const child = spawn(node, argv, { stdio: "inherit" });
  passSignalsTo(child);
  child.on("error", (error) => {
    console.error(`pulsebus: could not start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

/** What was compiled, and stripped of its types, serves the next start: that halves the time until it is ready. */
function keepCompiledCode() {
  const { directory } = nodeModule.enableCompileCache();
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE ??= directory; // for threads
}

/** Runs `file` with `args` on a Node.js that is new enough, in this process where that is possible. */
export async function run(file, args) {
  if (isNewEnough(process.versions.node)) {
    keepCompiledCode();
    process.argv = [process.execPath, file, ...args];
    await import(pathToFileURL(file).href);
    return;
  }
  const node = findBundledNode();
  if (node === undefined) {
    console.error(
      `pulsebus: needs Node.js ${MINIMUM.join(".")} or newer, this is ${process.versions.node}, and npm did not install its own: ` +
        "run `npm ci` again with the registry in reach, or install Node.js 24.",
    );
    process.exit(1);
  }
  spawnWith(node, [...HEAP_FLAGS, fileURLToPath(import.meta.url), file, ...args]);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...args] = process.argv.slice(2);
  await run(resolve(file), args);
}
