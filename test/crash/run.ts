/**
 * The crash run. A bus is published to without a pause and killed with SIGKILL at random points, also while it starts,
 * and started again on the same data directory. Meanwhile one topic is deleted and created again under the same name,
 * and another is emptied by retention. At the end everything that was answered 202 must have arrived at every matching
 * subscription, and what arrived twice must have been open or unflushed at a crash. Events of a key must have arrived in
 * order, and scheduled ones in time.
 */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { QUICK_RETRY, showSubscription } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call } from "../support/http.ts";
import { makeDirectory } from "../support/pulsebus.ts";
import { TestReceiver } from "../support/receiver.ts";
import { KeyedPublishers } from "./keyed-publishers.ts";
import { Ledger, type Verdict } from "./ledger.ts";
import { OrderProof, type OrderVerdict } from "./order-proof.ts";
import { PoisonRedriver } from "./poison.ts";
import { Publishers, TYPES } from "./publishers.ts";
import { ScheduleProof, type ScheduleVerdict } from "./schedule-proof.ts";
import { Sinks } from "./sinks.ts";
import { Supervisor } from "./supervisor.ts";

export interface CrashOptions {
  readonly kills: number;
  /** Repeats the same choices; the moments depend on the machine all the same. */
  readonly seed: number;
  readonly progress: (text: string) => void;
}

export interface CrashReport extends Verdict, OrderVerdict, ScheduleVerdict {
  readonly kills: number;
  /** Kills before the process listened. */
  readonly killsWhileStarting: number;
  /** How often the topic was deleted and created again. */
  readonly recreations: number;
  /** How often retention emptied the topic. */
  readonly emptied: number;
  /** Deliveries given up because they were being attempted at three kills in a row; redriven. */
  readonly poisoned: number;
  readonly seconds: number;
}

/** 20 ms until an outcome is flushed, and two commits on a busy machine. */
const FLUSH_WINDOW_MS = 400;
const PUBLISHERS = 6;
const KEYS = 8;
/** What is given up as poison has to keep its place too, until it is redriven. */
const ORDERED = { key: "partitionkey", onDeadLetter: "block" } as const;
const BATCHES = { format: "batch", batch: { maxEvents: 10, maxWait: "20ms" } } as const;
const LIFE_MS_MAX = 1_200;
const DRAIN_MS_MAX = 120_000;
/** How many of the kills come while the process starts. */
const EARLY_KILL_SHARE = 0.15;
const EARLY_KILL_MS_MAX = 500;

export async function runCrash({ kills, seed, progress }: CrashOptions): Promise<CrashReport> {
  const startedAt = performance.now();
  const dataDir = await makeDirectory();
  const run = new CrashRun(dataDir, seed);
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

class CrashRun {
  readonly #ledger = new Ledger(FLUSH_WINDOW_MS);
  readonly #supervisor: Supervisor;
  readonly #order = new OrderProof();
  readonly #schedule = new ScheduleProof();
  readonly #publishers: Publishers;
  readonly #keyedPublishers: KeyedPublishers;
  readonly #poison: PoisonRedriver;
  readonly #receiver: TestReceiver;
  readonly #random: () => number;
  readonly #subscriptions = new Set<string>();
  /** What was still open at the end. */
  readonly #unsettled: string[] = [];
  readonly #background: Promise<void>[] = [];
  #isStopped = false;
  #generation = 0;
  #emptied = 0;
  #killsWhileStarting = 0;

  constructor(dataDir: string, seed: number) {
    this.#random = seededRandom(seed);
    this.#supervisor = new Supervisor({ dataDir });
    this.#publishers = new Publishers(this.#supervisor, this.#ledger, this.#schedule, this.#random);
    this.#keyedPublishers = new KeyedPublishers({
      supervisor: this.#supervisor,
      ledger: this.#ledger,
      order: this.#order,
      random: this.#random,
      topic: "steps",
      keys: KEYS,
    });
    this.#poison = new PoisonRedriver(this.#supervisor, this.#subscriptions);
    const sinks = new Sinks(this.#random, (...request) => this.#account(...request));
    this.#receiver = new TestReceiver((request) => sinks.answer(request));
  }

  async prepare(): Promise<void> {
    await this.#receiver.listen();
    await this.#start();
    for (const topic of ["orders", "audit", "brief", "copy", "steps", "later"]) await this.#createTopic(topic);
    await this.#subscribe("orders-all", "orders", "orders", {});
    await this.#subscribe("orders-created", "orders", "orders", { types: [TYPES[0]] });
    await this.#subscribe("orders-flaky", "orders", "orders", {});
    await this.#subscribe("audit-all", "audit", "audit", { delivery: { format: "structured", from: "earliest" } });
    await this.#subscribe("brief-all", "brief", "brief", {});
    await this.#subscribe("orders-batch", "orders", "orders", { delivery: BATCHES });
    for (const sink of ["steps-all", "steps-flaky"])
      await this.#subscribe(sink, "steps", "steps", { delivery: { ordering: ORDERED } });
    await this.#subscribe("steps-batch", "steps", "steps", { delivery: { ...BATCHES, ordering: ORDERED } });
    await this.#subscribe("later-all", "later", "later", {});
    await this.#subscribe("copy-all", "copy", "orders", {}, true);
    const forward = { id: "forward", topic: "orders", sink: "topic:copy" };
    await this.#supervisor.call("POST", "/subscriptions", forward, [201]);
    this.#subscriptions.add(forward.id);
    for (const topic of ["orders", "audit", "brief"]) this.#publishers.open(topic, topic);
    this.#publishers.open("later", "later", true);
    this.#publishers.start(PUBLISHERS);
    this.#keyedPublishers.start();
    this.#poison.start();
    this.#background.push(this.#recreateRepeatedly(), this.#emptyRepeatedly());
    await this.#supervisor.stop("SIGTERM");
  }

  async killRepeatedly(kills: number, progress: (text: string) => void): Promise<void> {
    for (let kill = 1; kill <= kills; kill++) {
      const killedAt = await this.#liveAndDie();
      // What the dead process sent counts as its own, not as the next one's.
      await this.#receiver.idle();
      this.#ledger.crashed(this.#supervisor.epoch, killedAt);
      if (kill % 10 === 0) progress(`${kill} kills, ${this.#ledger.owed} deliveries owed`);
    }
    await this.#start();
  }

  /** Answers when the kill was. */
  async #liveAndDie(): Promise<number> {
    if (this.#random() < EARLY_KILL_SHARE) {
      this.#killsWhileStarting += 1;
      this.#schedule.up(Date.now());
      await this.#supervisor.startAndKill(Math.ceil(this.#random() * EARLY_KILL_MS_MAX));
      return performance.now();
    }
    await this.#start();
    await sleep(this.#random() * LIFE_MS_MAX);
    const killedAt = performance.now();
    await this.#supervisor.stop("SIGKILL");
    return killedAt;
  }

  async #start(): Promise<void> {
    await this.#supervisor.start();
    this.#schedule.up(Date.now());
  }

  /** Waits until nothing is owed any more; what is still missing then is for the verdict. */
  async settle(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#background);
    await Promise.all([this.#publishers.stop(), this.#keyedPublishers.stop()]);
    await eventually(() => this.#expectNothingOpen(), DRAIN_MS_MAX).catch((error) =>
      this.#unsettled.push(String(error)),
    );
    await this.#poison.stop();
  }

  async #expectNothingOpen(): Promise<void> {
    const { url } = await this.#supervisor.current;
    if (this.#ledger.owed > 0) throw new Error("events are owed");
    for (const id of this.#subscriptions) {
      const { status } = await showSubscription(url, id);
      const { backlog, parked, scheduled, inFlight, deadLetters } = status;
      if (backlog || parked || scheduled || inFlight || deadLetters)
        throw new Error(`${id} is not done: ${JSON.stringify(status)}`);
    }
  }

  report(): Omit<CrashReport, "kills" | "seconds"> {
    const verdict = this.#ledger.verdict();
    const order = this.#order.verdict();
    const schedule = this.#schedule.verdict();
    return {
      ...order,
      ...schedule,
      ...verdict,
      violations: [...this.#unsettled, ...verdict.violations, ...order.violations, ...schedule.violations],
      killsWhileStarting: this.#killsWhileStarting,
      recreations: this.#generation,
      emptied: this.#emptied,
      poisoned: this.#poison.redriven,
    };
  }

  async close(): Promise<void> {
    await this.#supervisor.close();
    await this.#receiver[Symbol.asyncDispose]();
  }

  /** What came to a sink, and which of it the sink took. */
  #account(sink: string, ids: readonly string[], at: number): (delivered: ReadonlySet<string>) => void {
    const { epoch } = this.#supervisor;
    const now = Date.now();
    for (const id of ids) this.#order.attempting(sink, id);
    return (delivered) => {
      for (const id of ids) this.#order.attempted(sink, id, epoch, delivered.has(id));
      for (const id of delivered) {
        this.#ledger.received(sink, id, epoch, at);
        this.#schedule.received(sink, id, now);
      }
    };
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
    const input = { id, topic, sink: this.#receiver.url(`/${sink}`), ...more, delivery };
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
      if (this.#ledger.missing(sink).size > 0) throw new Error(`${sink} is owed events`);
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
