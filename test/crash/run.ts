/**
 * The crash run. A bus is published to without a pause and killed with SIGKILL at random points, also while it starts,
 * and started again on the same data directory. Meanwhile one topic is deleted and created again under the same name,
 * and another is emptied by retention. At the end everything that was answered 202 must have arrived at every matching
 * subscription, and what arrived twice must have been open or unflushed at a crash.
 */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { QUICK_RETRY, showSubscription } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call } from "../support/http.ts";
import { makeDirectory } from "../support/pulsebus.ts";
import { type ReceivedRequest, startReceiver, type TestReceiver } from "../support/receiver.ts";
import { Ledger, type Verdict } from "./ledger.ts";
import { Publishers, TYPES } from "./publishers.ts";
import { Supervisor } from "./supervisor.ts";

export interface CrashOptions {
  readonly kills: number;
  /** Repeats the same choices; the moments depend on the machine all the same. */
  readonly seed: number;
  readonly progress: (text: string) => void;
}

export interface CrashReport extends Verdict {
  readonly kills: number;
  /** Kills before the process listened. */
  readonly killsWhileStarting: number;
  /** How often the topic was deleted and created again. */
  readonly recreations: number;
  /** How often retention emptied the topic. */
  readonly emptied: number;
  readonly seconds: number;
}

/** 20 ms until an outcome is flushed, and two commits on a busy machine. */
const FLUSH_WINDOW_MS = 400;
const PUBLISHERS = 6;
const LIFE_MS_MAX = 1_200;
const DRAIN_MS_MAX = 120_000;
/** How many of the kills come while the process starts. */
const EARLY_KILL_SHARE = 0.15;
const EARLY_KILL_MS_MAX = 500;

export async function runCrash({ kills, seed, progress }: CrashOptions): Promise<CrashReport> {
  const startedAt = performance.now();
  const dataDir = await makeDirectory();
  const run = new CrashRun(dataDir, seed, await openSinks());
  try {
    await run.prepare();
    await run.killRepeatedly(kills, progress);
    await run.settle();
    return { ...run.report(), kills, seconds: Math.round((performance.now() - startedAt) / 1_000) };
  } finally {
    await run.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface Sinks {
  readonly receiver: TestReceiver;
  /** Set by the run, once it knows who asks. */
  answer: (request: ReceivedRequest) => Promise<number>;
}

async function openSinks(): Promise<Sinks> {
  const sinks: Omit<Sinks, "receiver"> = { answer: async () => 503 };
  const receiver = await startReceiver((request) => sinks.answer(request));
  return Object.assign(sinks, { receiver });
}

class CrashRun {
  readonly #ledger = new Ledger(FLUSH_WINDOW_MS);
  readonly #supervisor: Supervisor;
  readonly #publishers: Publishers;
  readonly #sinks: Sinks;
  readonly #random: () => number;
  readonly #subscriptions = new Set<string>();
  readonly #background: Promise<void>[] = [];
  #isStopped = false;
  #generation = 0;
  #emptied = 0;
  #killsWhileStarting = 0;

  constructor(dataDir: string, seed: number, sinks: Sinks) {
    this.#random = seededRandom(seed);
    this.#supervisor = new Supervisor({ dataDir });
    this.#publishers = new Publishers(this.#supervisor, this.#ledger, this.#random);
    this.#sinks = sinks;
    sinks.answer = (request) => this.#answer(request);
  }

  async prepare(): Promise<void> {
    await this.#supervisor.start();
    for (const topic of ["orders", "audit", "brief", "copy"]) await this.#createTopic(topic);
    await this.#subscribe("orders-all", "orders", "orders", {});
    await this.#subscribe("orders-created", "orders", "orders", { types: [TYPES[0]] });
    await this.#subscribe("orders-flaky", "orders", "orders", {});
    await this.#subscribe("audit-all", "audit", "audit", { delivery: { format: "structured", from: "earliest" } });
    await this.#subscribe("brief-all", "brief", "brief", {});
    await this.#subscribe("copy-all", "copy", "orders", {}, true);
    const forward = { id: "forward", topic: "orders", sink: "topic:copy" };
    await this.#supervisor.call("POST", "/subscriptions", forward, [201]);
    for (const topic of ["orders", "audit", "brief"]) this.#publishers.open(topic, topic);
    this.#publishers.start(PUBLISHERS);
    this.#background.push(this.#recreateRepeatedly(), this.#emptyRepeatedly());
    await this.#supervisor.stop("SIGTERM");
  }

  async killRepeatedly(kills: number, progress: (text: string) => void): Promise<void> {
    for (let kill = 1; kill <= kills; kill++) {
      const killedAt = await this.#liveAndDie();
      // What the dead process sent counts as its own, not as the next one's.
      await this.#sinks.receiver.idle();
      this.#ledger.crashed(this.#supervisor.epoch, killedAt);
      if (kill % 10 === 0) progress(`${kill} kills, ${this.#ledger.owed} deliveries owed`);
    }
    await this.#supervisor.start();
  }

  /** Answers when the kill was. */
  async #liveAndDie(): Promise<number> {
    if (this.#random() < EARLY_KILL_SHARE) {
      this.#killsWhileStarting += 1;
      await this.#supervisor.startAndKill(Math.ceil(this.#random() * EARLY_KILL_MS_MAX));
      return performance.now();
    }
    await this.#supervisor.start();
    await sleep(this.#random() * LIFE_MS_MAX);
    const killedAt = performance.now();
    await this.#supervisor.stop("SIGKILL");
    return killedAt;
  }

  /** Waits until nothing is owed any more; what is still missing then is for the verdict. */
  async settle(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#background);
    await this.#publishers.stop();
    const { url } = await this.#supervisor.current;
    const expectNothingOwed = async (): Promise<void> => {
      if (this.#ledger.owed > 0) throw new Error("events are owed");
      for (const id of this.#subscriptions) {
        const { status } = await showSubscription(url, id);
        const { backlog, parked, inFlight, deadLetters } = status;
        if (backlog || parked || inFlight || deadLetters)
          throw new Error(`${id} is not done: ${JSON.stringify(status)}`);
      }
    };
    await eventually(expectNothingOwed, DRAIN_MS_MAX).catch(() => {});
  }

  report(): Omit<CrashReport, "kills" | "seconds"> {
    return {
      ...this.#ledger.verdict(),
      killsWhileStarting: this.#killsWhileStarting,
      recreations: this.#generation,
      emptied: this.#emptied,
    };
  }

  async close(): Promise<void> {
    await this.#supervisor.close();
    await this.#sinks.receiver[Symbol.asyncDispose]();
  }

  async #answer({ path, id = "?", headers, at }: ReceivedRequest): Promise<number> {
    const sink = path.slice(1);
    const { epoch } = this.#supervisor;
    if (this.#random() < 0.05) await sleep(this.#random() * 50);
    if (sink === "orders-flaky" && headers["pulsebus-attempt"] === "1" && this.#random() < 0.1) return 503;
    this.#ledger.received(sink, id, epoch, at);
    return 204;
  }

  async #createTopic(topic: string): Promise<void> {
    const settings = topic === "brief" ? { retention: { maxAge: "1s" } } : {};
    await this.#supervisor.call("PUT", `/topics/${topic}`, settings, [200, 201]);
  }

  /** The subscription is called `topic-...` as its sink, without the generation. */
  async #subscribe(sink: string, topic: string, stream: string, more: object, isForwarded = false): Promise<void> {
    const id = sink.replace(/\..*/, "");
    const types = "types" in more ? (more.types as readonly string[]) : undefined;
    this.#ledger.addSink(sink, { stream, matches: (type) => types?.includes(type) ?? true, isForwarded });
    const delivery = { retry: QUICK_RETRY, ...("delivery" in more ? (more.delivery as object) : {}) };
    const input = { id, topic, sink: this.#sinks.receiver.url(`/${sink}`), ...more, delivery };
    // 409: an earlier call made it, and a crash swallowed the answer.
    await this.#supervisor.call("POST", "/subscriptions", input, [201, 409]);
    this.#subscriptions.add(id);
  }

  async #recreateRepeatedly(): Promise<void> {
    while (!this.#isStopped) {
      this.#generation += 1;
      const stream = `churn-all.${this.#generation}`;
      await this.#createTopic("churn");
      await this.#subscribe(stream, "churn", stream, {});
      this.#publishers.open(stream, "churn");
      await sleep(1_000 + this.#random() * 2_000);
      await this.#publishers.close(stream);
      // Every other generation has to arrive first; the others are deleted with what they still owe.
      if (this.#generation % 2 === 0) await this.#arrival(stream);
      this.#ledger.retireSink(stream);
      this.#subscriptions.delete("churn-all");
      await this.#supervisor.call("DELETE", "/subscriptions/churn-all", undefined, [204, 404]);
      await this.#supervisor.call("DELETE", "/topics/churn", undefined, [204, 404]);
    }
  }

  async #emptyRepeatedly(): Promise<void> {
    while (!this.#isStopped) {
      await sleep(1_000 + this.#random() * 2_000);
      await this.#publishers.close("brief");
      await this.#arrival("brief-all");
      await eventually(async () => {
        const { url } = await this.#supervisor.current;
        const { items } = await call<{ items: unknown[] }>(url, "GET", "/topics/brief/events?limit=1");
        if (items.length > 0) throw new Error("retention has not emptied the topic");
      }, DRAIN_MS_MAX);
      this.#emptied += 1;
      this.#publishers.open("brief", "brief");
    }
  }

  #arrival(sink: string): Promise<void> {
    return eventually(() => {
      if (this.#ledger.missing(sink).length > 0) throw new Error(`${sink} is owed events`);
    }, DRAIN_MS_MAX);
  }
}

/** mulberry32: small, and good enough to choose with. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
