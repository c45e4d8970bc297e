/** What the rows share: the parts of the benchmark, its sizes, and the few ways in which everything is measured. */
import type { BareClientCommands } from "../bare-client.ts";
import type { BareServerCommands } from "../bare-server.ts";
import type { LoadCommands, LoadOptions, LoadResult } from "../load.ts";
import type { Received, SinkCommands } from "../sink.ts";
import { type MessageShape, SINGLE, type Target } from "./message.ts";
import type { CpuUsage } from "./process-usage.ts";
import { Part } from "./rpc.ts";
import type { Server } from "./server.ts";

export interface Sizes {
  readonly name: string;
  /** Each figure is the median of so many; an odd number. */
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Events that wait for one webhook. */
  readonly backlogEvents: number;
  readonly memoryEvents: number;
  /** Events behind subscriptions that hold up. */
  readonly isolationEvents: number;
  /** Events that wait for their time. */
  readonly scheduledEvents: number;
  /** Events that wait for a bridge, and that raw clients of brokers publish and consume. */
  readonly brokerEvents: number;
  readonly starts: number;
}

export const FULL: Sizes = {
  name: "medians of 3",
  rounds: 3,
  warmUpMs: 3_000,
  measureMs: 6_000,
  backlogEvents: 100_000,
  memoryEvents: 1_000_000,
  isolationEvents: 1_000_000,
  scheduledEvents: 1_000_000,
  brokerEvents: 40_000,
  starts: 7,
};

/** For a look, not for a claim. */
export const QUICK: Sizes = {
  name: "quick",
  rounds: 1,
  warmUpMs: 1_500,
  measureMs: 2_000,
  backlogEvents: 30_000,
  memoryEvents: 100_000,
  isolationEvents: 100_000,
  scheduledEvents: 50_000,
  brokerEvents: 20_000,
  starts: 3,
};

export type Load = Omit<LoadOptions, "run" | "until" | "shape"> & { readonly shape?: MessageShape };

const BACKLOG: MessageShape = { mode: "batch", events: 100, dataBytes: SINGLE.dataBytes };
const BACKLOG_CONNECTIONS = 4;
const SLOW_ANSWER_MS = 100;
/** A delivery that takes longer than this is missing. */
export const DELIVERY_TIMEOUT_MS = 120_000;
/** More than any run publishes: the ledger's size. */
const RUN_EVENTS_MAX = 4_000_000;

export class Bench implements AsyncDisposable {
  readonly sizes: Sizes;
  /** Rates of rows that others are compared with. */
  readonly rates = new Map<string, number>();
  readonly bareClient = new Part<BareClientCommands>(new URL("../bare-client.ts", import.meta.url));
  readonly #load = new Part<LoadCommands>(new URL("../load.ts", import.meta.url));
  readonly #sink = new Part<SinkCommands>(new URL("../sink.ts", import.meta.url));
  readonly #bareServer = new Part<BareServerCommands>(new URL("../bare-server.ts", import.meta.url));
  #bareTarget: Target = { port: 0, path: "/" };
  #sinkPort = 0;
  #slowSinkPort = 0;
  #runs = 0;

  static async open(sizes: Sizes): Promise<Bench> {
    const bench = new Bench(sizes);
    bench.#sinkPort = await bench.#sink.call("listen", 0);
    bench.#slowSinkPort = await bench.#sink.call("listen", SLOW_ANSWER_MS);
    bench.#bareTarget = { port: await bench.#bareServer.call("listen"), path: "/" };
    return bench;
  }

  private constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.#load, this.#sink, this.#bareServer, this.bareClient]) await part[Symbol.asyncDispose]();
  }

  get bareTarget(): Target {
    return this.#bareTarget;
  }

  get sinkPort(): number {
    return this.#sinkPort;
  }

  get sinkUrl(): string {
    return `http://127.0.0.1:${this.#sinkPort}/`;
  }

  /** Answers after a tenth of a second, and counts nothing: for events of other runs. */
  get slowSinkUrl(): string {
    return `http://127.0.0.1:${this.#slowSinkPort}/`;
  }

  /** Publishes for a while after a warm-up. Nobody has to receive it. */
  async publish(
    load: Load,
    server?: Server,
  ): Promise<{ readonly load: LoadResult; readonly cpu: CpuUsage | undefined }> {
    const { warmUpMs, measureMs } = this.sizes;
    await this.run(load, this.newRun(), { ms: warmUpMs });
    const measure = (): Promise<LoadResult> => this.run(load, this.newRun(), { ms: measureMs });
    if (server === undefined) return { load: await measure(), cpu: undefined };
    const { result, cpu } = await server.cpuOf(measure);
    return { load: result, cpu };
  }

  /** Publishes for a while after a warm-up, and waits until the sink has received all of it. */
  async publishAndReceive(load: Load, server: Server, measureMs = this.sizes.measureMs): Promise<EndToEnd> {
    const { warmUpMs } = this.sizes;
    await this.#carry(load, { ms: warmUpMs });
    const { result, cpu } = await server.cpuOf(() => this.#carry(load, { ms: measureMs }));
    return { ...result, cpu };
  }

  async #carry(load: Load, until: LoadOptions["until"]): Promise<Omit<EndToEnd, "cpu">> {
    const run = await this.expect();
    const published = await this.run(load, run, until);
    const received = await this.receive(published.events);
    const seconds = (received.lastAtMicros - published.startedAtMicros) / 1_000_000;
    return { published, received, rate: received.distinct / seconds };
  }

  /** Puts events into a topic, as fast as batches allow; answers the run that they belong to. */
  async fill(server: Server, topic: string, events: number, shape: MessageShape = BACKLOG): Promise<number> {
    const run = this.newRun();
    const load = { target: server.target(topic), connections: BACKLOG_CONNECTIONS, shape };
    const filled = await this.run(load, run, { events });
    if (filled.events !== events) throw new Error(`${events - filled.events} of ${events} events were refused`);
    return run;
  }

  /** Lets the sink count the events of a run by how late they are for their `deliverytime`. */
  async expectDue(run: number): Promise<void> {
    await this.#sink.call("expect", { run, capacity: RUN_EVENTS_MAX, refuse: 0, since: "deliverytime" });
  }

  /** Makes the sink count the events of one run, a new one unless said otherwise, and forget the others. */
  async expect(run: number = this.newRun(), refuse = 0): Promise<number> {
    await this.#sink.call("expect", { run, capacity: RUN_EVENTS_MAX, refuse });
    return run;
  }

  receive(distinct: number, timeoutMs: number = DELIVERY_TIMEOUT_MS): Promise<Received> {
    return this.#sink.call("waitFor", { distinct, timeoutMs });
  }

  newRun(): number {
    this.#runs += 1;
    return this.#runs;
  }

  run(load: Load, run: number, until: LoadOptions["until"]): Promise<LoadResult> {
    return this.#load.call("run", { shape: SINGLE, ...load, run, until });
  }
}

export interface EndToEnd {
  readonly published: LoadResult;
  readonly received: Received;
  /** Distinct events a second, from the first publish to the last delivery. */
  readonly rate: number;
  readonly cpu: CpuUsage;
}

/** Microseconds of CPU that one event took, in all and by thread. */
export function cpuPerEvent(
  cpu: CpuUsage,
  events: number,
): { readonly total: number; readonly details: Record<string, number> } {
  const others = Object.entries(cpu.others).map(([name, micros]) => [name, micros / events] as const);
  const details = Object.fromEntries([
    ["main", cpu.main / events] as const,
    ...others.filter(([, micros]) => micros > 0.05),
  ]);
  return { total: cpu.total / events, details };
}
