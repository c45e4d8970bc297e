/** The server under measurement: the real program, and what the benchmark asks of it. */
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SubscriptionResource } from "../../../src/cli/resources.ts";
import { type Pulsebus, startPulsebus } from "../../support/pulsebus.ts";
import type { Target } from "./message.ts";
import { type CpuUsage, readCpuUsage, readMemory } from "./process-usage.ts";

/** What a row that failed or hung has left behind ends with the benchmark. */
const running = new Set<Pulsebus>();
process.on("exit", () => {
  for (const server of running) {
    server.signal("SIGKILL");
    rmSync(server.dataDir, { recursive: true, force: true });
  }
});

export class Server implements AsyncDisposable {
  readonly #process: Pulsebus;

  /** Without a configuration file, or with one of this content. */
  static async start(configuration?: object): Promise<Server> {
    if (configuration === undefined) return new Server(await startPulsebus());
    const directory = await mkdtemp(join(tmpdir(), "pulsebus-bench-"));
    try {
      const file = join(directory, "pulsebus.yaml");
      await writeFile(file, JSON.stringify(configuration));
      return new Server(await startPulsebus({ args: ["--config", file] }));
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  private constructor(process: Pulsebus) {
    this.#process = process;
    running.add(process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    running.delete(this.#process);
  }

  /** Where events of a topic are published. */
  target(topic: string): Target {
    return { port: Number(new URL(this.#process.url).port), path: `/topics/${topic}/events` };
  }

  createTopic(topic: string, settings?: object): Promise<unknown> {
    return this.#request("PUT", `/topics/${topic}`, settings);
  }

  deleteTopic(topic: string): Promise<unknown> {
    return this.#request("DELETE", `/topics/${topic}`);
  }

  subscribe(subscription: { readonly id: string; readonly [member: string]: unknown }): Promise<unknown> {
    return this.#request("POST", "/subscriptions", subscription);
  }

  unsubscribe(id: string): Promise<unknown> {
    return this.#request("DELETE", `/subscriptions/${id}`);
  }

  pause(id: string): Promise<unknown> {
    return this.#request("POST", `/subscriptions/${id}/pause`);
  }

  resume(id: string): Promise<unknown> {
    return this.#request("POST", `/subscriptions/${id}/resume`);
  }

  /** What became of the events of a subscription so far. */
  async status(id: string): Promise<SubscriptionResource["status"]> {
    const { status } = (await this.#request("GET", `/subscriptions/${id}`)) as SubscriptionResource;
    return status;
  }

  ready(): Promise<unknown> {
    return this.#request("GET", "/readyz");
  }

  memory(): { readonly rss: number; readonly peak: number } {
    return readMemory(this.#process.pid);
  }

  /** Microseconds of CPU by thread that `work` took, and its result. */
  async cpuOf<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly cpu: CpuUsage }> {
    const before = readCpuUsage(this.#process.pid);
    const result = await work();
    return { result, cpu: difference(readCpuUsage(this.#process.pid), before) };
  }

  /** The most memory in use while `work` runs. */
  async peakOf<T>(work: Promise<T>): Promise<number> {
    let peak = 0;
    let running = true;
    const end = (): void => {
      running = false;
    };
    work.then(end, end);
    while (running) {
      peak = Math.max(peak, this.memory().rss);
      await sleep(MEMORY_SAMPLE_MS);
    }
    await work;
    return peak;
  }

  async #request(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.#process.url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : text;
  }
}

const MEMORY_SAMPLE_MS = 50;

function difference(after: CpuUsage, before: CpuUsage): CpuUsage {
  const others = Object.entries(after.others).map(([name, micros]) => [name, micros - (before.others[name] ?? 0)]);
  return { total: after.total - before.total, main: after.main - before.main, others: Object.fromEntries(others) };
}
