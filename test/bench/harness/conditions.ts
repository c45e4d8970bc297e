/** What a figure depends on besides the program, measured or read at the start of a run. */
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, statfsSync, writeSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { LatencyHistogram } from "./histogram.ts";

export interface Conditions {
  readonly date: string;
  readonly commit: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly node: string;
  readonly kernel: string;
  readonly fileSystem: string;
  /** Of 4 KiB each, written and synchronized one after the other in the directory of the data files. */
  readonly fsyncMicros: { readonly p50: number; readonly p99: number };
  /** Processes that wanted a core, on average over the last minute: what else the machine was doing. */
  readonly loadAverage: number;
}

const FSYNC_SAMPLES = 300;
const FSYNC_BYTES = 4_096;

/** Magic numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: "ext4",
  16914836: "tmpfs",
  1481003842: "xfs",
  2035054128: "overlayfs",
  2435016766: "btrfs",
};

export function readConditions(directory: string): Conditions {
  const [core] = cpus();
  const { type } = statfsSync(directory);
  return {
    date: new Date().toISOString(),
    commit: readCommit(),
    cores: cpus().length,
    cpu: core?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    kernel: release(),
    fileSystem: FILE_SYSTEMS[type] ?? `0x${type.toString(16)}`,
    fsyncMicros: measureFsync(directory),
    loadAverage: loadavg()[0] ?? 0,
  };
}

function readCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return (
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src", "adapters") && " and changes")
    );
  } catch {
    return "unknown";
  }
}

function measureFsync(directory: string): { readonly p50: number; readonly p99: number } {
  const latency = new LatencyHistogram();
  const bytes = Buffer.alloc(FSYNC_BYTES, 1);
  const file = openSync(join(directory, "fsync"), "w");
  for (let sample = 0; sample < FSYNC_SAMPLES; sample += 1) {
    const start = performance.now();
    writeSync(file, bytes);
    fdatasyncSync(file);
    latency.record((performance.now() - start) * 1_000);
  }
  closeSync(file);
  const { p50, p99 } = latency.percentiles();
  return { p50, p99 };
}
