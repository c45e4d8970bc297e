/**
 * The real program in a process of its own, as `pulsebus serve` starts it, on a free port and a data directory of its
 * own. `await using` stops it and removes the directory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import manifest from "../../package.json" with { type: "json" };
import { track } from "./leaks.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MAIN = join(ROOT, "bin/pulsebus.js");
/** Node's own flags, as `npm start` gives them. */
const NODE_FLAGS = manifest.scripts.start.split(" ").filter((word) => word.startsWith("--"));

export interface StartOptions {
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** One of the caller's, which it also removes. */
  readonly dataDir?: string;
  /** Aborted: the process is killed, in the middle of its start if need be. */
  readonly killSignal?: AbortSignal;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Pulsebus extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly logs: readonly LogLine[];
  /** Resolves when the process has ended, however that came. */
  readonly exited: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
  /** Ends the process and waits for it; SIGTERM unless said otherwise. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

/** A process that could not start listening. */
export class FailedStart extends Error {
  readonly exit: Exit;
  readonly stderr: string;

  constructor(exit: Exit, stderr: string, logs: readonly LogLine[]) {
    super(
      `pulsebus ended before it listened: ${JSON.stringify(exit)}\n${stderr}\n${logs.map((line) => JSON.stringify(line)).join("\n")}`,
    );
    this.exit = exit;
    this.stderr = stderr;
  }
}

/** A start takes less than a second on an idle machine. */
const START_MS_MAX = 30_000;

/** Rejects with `FailedStart` when the process ends before it listens, or does not listen in time. */
export async function startPulsebus(options: StartOptions = {}): Promise<Pulsebus> {
  const dataDir = options.dataDir ?? (await makeDirectory());
  // It is the working directory too, so that no pulsebus.yaml is found by chance.
  await mkdir(dataDir, { recursive: true });
  const args = [
    ...NODE_FLAGS,
    MAIN,
    "serve",
    "--port",
    "0",
    "--data-dir",
    dataDir,
    "--log-format",
    "json",
    ...(options.args ?? []),
  ];
  const child = spawn(process.execPath, args, {
    cwd: dataDir,
    env: environment(options.env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  killWhenAborted(child, options.killSignal);
  const untrack = track(`pulsebus ${child.pid}`, () => child.kill("SIGKILL"));
  const logs: LogLine[] = [];
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const exited = once(child, "close").then(([code, signal]): Exit => {
    untrack();
    return { code, signal };
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX);
  const url = await Promise.race([listening(child, logs), exited]);
  clearTimeout(deadline);
  if (typeof url !== "string") throw new FailedStart(url, stderr, logs);
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> => {
    child.kill(signal);
    return exited;
  };
  return {
    url,
    pid: child.pid ?? 0,
    dataDir,
    logs,
    exited,
    signal: (signal) => child.kill(signal),
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "pulsebus-test-"));
}

function killWhenAborted(child: ChildProcess, signal: AbortSignal | undefined): void {
  if (signal?.aborted) child.kill("SIGKILL");
  else signal?.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
}

/** Nothing of the surrounding environment configures the process under test. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("PULSEBUS_"));
  return { ...Object.fromEntries(inherited), ...more };
}

function listening(child: ChildProcess, logs: LogLine[]): Promise<string> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parseLine(text);
      logs.push(line);
      if (typeof line.url === "string") resolve(line.url);
    });
  });
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: "none", msg: text };
  }
}
