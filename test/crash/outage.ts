/**
 * `npm run outage -- [--seconds 300] [--rate 300]`: a sink that is down for a while under continuous publishing, then
 * returns. Everything has to arrive at it, while another subscription of the same topic notices nothing and the memory
 * of the process stays flat.
 */
import { readFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { subscribe } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { publish } from "../support/http.ts";
import { startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

type Phase = "before" | "down" | "after";

/** What each phase showed. */
interface Measures {
  readonly latenciesMs: number[];
  readonly rssMiB: number[];
}

const TICK_MS = 10;
const SAMPLE_MS = 500;
const BEFORE_MS = 20_000;
const CATCH_UP_MS_MAX = 300_000;
/** What a shared machine may add to a percentile, and to the memory, without meaning anything. */
const P99_GROWTH_MAX = 2;
const P99_MS_FINE = 25;
const RSS_GROWTH_MIB_MAX = 64;

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "300" }, rate: { type: "string", default: "300" } },
});
const downMs = Number(values.seconds) * 1_000;
const perTick = (Number(values.rate) * TICK_MS) / 1_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

// So that nothing is left running.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

let phase: Phase = "before";
const measures: Readonly<Record<Phase, Measures>> = {
  before: { latenciesMs: [], rssMiB: [] },
  down: { latenciesMs: [], rssMiB: [] },
  after: { latenciesMs: [], rssMiB: [] },
};
const sentAt = new Map<string, number>();
const accepted = new Set<string>();
const arrived = { steady: new Set<string>(), broken: new Set<string>() };

await using bus = await startPulsebus();
await using steady = await startReceiver(({ id = "?" }) => {
  if (!arrived.steady.has(id)) measures[phase].latenciesMs.push(performance.now() - (sentAt.get(id) ?? 0));
  arrived.steady.add(id);
  steady.requests.length = 0;
  return 204;
});
await using broken = await startReceiver(({ id = "?" }) => {
  arrived.broken.add(id);
  broken.requests.length = 0;
  return 204;
});
const retry = { backoff: { initial: "1s", max: "30s" } };
await subscribe(bus.url, { id: "steady", topic: "outage", sink: steady.url() });
await subscribe(bus.url, { id: "broken", topic: "outage", sink: broken.url(), delivery: { retry } });

const sampling = setInterval(async () => measures[phase].rssMiB.push(await rssMiB(bus.pid)), SAMPLE_MS);
const publishing = publishAtRate();
print(`publishing ${values.rate} events/s; the sink goes down in ${BEFORE_MS / 1_000} s, for ${values.seconds} s`);
await sleep(BEFORE_MS);
phase = "down";
await broken.goDown();
await sleep(downMs);
phase = "after";
await broken.goUp();
print("the sink is back");
await sleep(BEFORE_MS / 2);
await publishing.stop();
await eventually(() => {
  if (missing("broken") + missing("steady") > 0) throw new Error("events are owed");
}, CATCH_UP_MS_MAX).catch(() => {});
clearInterval(sampling);
report();

function publishAtRate(): { stop(): Promise<void> } {
  const underWay = new Set<Promise<void>>();
  let due = 0;
  let count = 0;
  const ticking = setInterval(() => {
    for (due += perTick; due >= 1; due -= 1) {
      const sent = publishOne(`event-${count++}`).finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(ticking);
      await Promise.all(underWay);
    },
  };
}

async function publishOne(id: string): Promise<void> {
  sentAt.set(id, performance.now());
  const { status } = await publish(bus.url, "outage", { id, data: "x".repeat(1_000) });
  if (status === 202) accepted.add(id);
}

function missing(name: keyof typeof arrived): number {
  return [...accepted].filter((id) => !arrived[name].has(id)).length;
}

async function rssMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function report(): void {
  print(
    `\nload average of this machine ${loadavg()
      .map((load) => load.toFixed(1))
      .join(", ")} on ${cpus().length} cores`,
  );
  print("\nphase    events   p50 ms   p99 ms   RSS MiB, median   most");
  for (const name of ["before", "down", "after"] as const) {
    const { latenciesMs, rssMiB } = measures[name];
    const figures = [
      percentile(latenciesMs, 0.5),
      percentile(latenciesMs, 0.99),
      percentile(rssMiB, 0.5),
      Math.max(...rssMiB),
    ];
    const columns = figures.map((figure, n) => figure.toFixed(1).padStart([9, 9, 18, 7][n] ?? 0)).join("");
    print(`${name.padEnd(6)}${String(latenciesMs.length).padStart(9)}${columns}`);
  }
  const failures = findFailures();
  print(
    `\naccepted ${accepted.size}, arrived at the sink that was down ${arrived.broken.size}, at the other ${arrived.steady.size}`,
  );
  print(failures.length === 0 ? "nothing lost, nobody else slower, memory flat" : failures.join("\n"));
  process.exitCode = failures.length === 0 ? 0 : 1;
}

function findFailures(): string[] {
  const { before, down } = measures;
  const early = percentile(down.rssMiB.slice(0, Math.ceil(down.rssMiB.length / 4)), 0.5);
  const late = percentile(down.rssMiB.slice(-Math.ceil(down.rssMiB.length / 4)), 0.5);
  const [p99Before, p99Down] = [percentile(before.latenciesMs, 0.99), percentile(down.latenciesMs, 0.99)];
  return [
    missing("broken") > 0 ? `${missing("broken")} events never arrived at the sink that was down` : "",
    missing("steady") > 0 ? `${missing("steady")} events never arrived at the other sink` : "",
    p99Down > Math.max(p99Before * P99_GROWTH_MAX, P99_MS_FINE)
      ? `the other subscription's p99 rose from ${p99Before.toFixed(1)} to ${p99Down.toFixed(1)} ms`
      : "",
    late - early > RSS_GROWTH_MIB_MAX
      ? `memory grew from ${early.toFixed(0)} to ${late.toFixed(0)} MiB while the sink was down`
      : "",
  ].filter((failure) => failure !== "");
}
