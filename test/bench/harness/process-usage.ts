/** What a process has used so far, as Linux counts it (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";

export interface CpuUsage {
  /** Microseconds of user and system time of all threads, those included that have ended. */
  readonly total: number;
  /** Of the thread that runs the event loop. */
  readonly main: number;
  /** By the name of the thread, of those that run now; all but the main one. */
  readonly others: Readonly<Record<string, number>>;
}

/** A tick of the CPU times in /proc is 10 ms on every Linux (USER_HZ is 100). */
const TICK_MICROS = 10_000;
/** Fields after the name, which is in parentheses and may hold anything. */
const UTIME = 11;
const STIME = 12;

export function readCpuUsage(pid: number): CpuUsage {
  const others: Record<string, number> = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    if (thread === String(pid)) continue;
    const { name, micros } = readStat(`/proc/${pid}/task/${thread}/stat`);
    others[name] = (others[name] ?? 0) + micros;
  }
  return {
    total: readStat(`/proc/${pid}/stat`).micros,
    main: readStat(`/proc/${pid}/task/${pid}/stat`).micros,
    others,
  };
}

function readStat(path: string): { readonly name: string; readonly micros: number } {
  const text = readFileSync(path, "utf8");
  const nameEnd = text.lastIndexOf(")");
  const fields = text.slice(nameEnd + 2).split(" ");
  return {
    name: text.slice(text.indexOf("(") + 1, nameEnd),
    micros: (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MICROS,
  };
}

/** Mebibytes of memory in use: now, and at most so far. */
export function readMemory(pid: number): { readonly rss: number; readonly peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) / 1024;
  return { rss: mebibytes("VmRSS"), peak: mebibytes("VmHWM") };
}
