/**
 * The machine on which the process under test runs: starts it, crashes it, stops it in order, and starts it again. What
 * it runs is the real bus with all of its engine; only the ports are simulated. A crash drops everything that the
 * process knows and waits for. Broker, rows and receivers stay.
 */
import type { Bus } from "../../src/bus/bus.ts";
import { type OwnedBus, openBus } from "../../src/bus/open-bus.ts";
import type { Plan } from "../../src/config/plan.ts";
import { PulsebusError } from "../../src/errors.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Sink } from "../../src/sink/port.ts";
import type { Store } from "../../src/store/port.ts";
import { openTransformer } from "../../src/transform/transformer.ts";
import type { Transport } from "../../src/transport/port.ts";
import type { Broker } from "./broker/broker.ts";
import { SimulatedTransport, type TransportSettings } from "./broker/transport.ts";
import { type Circumstances, type Mishap, type Verdict, wayOf } from "./circumstances.ts";
import type { Dice } from "./dice.ts";
import type { Ledger } from "./ledger.ts";
import { type Receivers, SimulatedWebhook } from "./receiver.ts";
import type { Scheduler } from "./scheduler.ts";
import { MemoryStore, type StoreData } from "./store/memory-store.ts";
import type { Trace } from "./trace.ts";

/** A defect that a test builds into what the engine is given. */
export interface Defect {
  readonly tracker?: TransportSettings["tracker"];
  readonly store?: (store: Store) => Store;
  readonly transport?: (transport: Transport) => Transport;
  readonly sink?: (sink: Sink) => Sink;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly trace: Trace;
  readonly broker: Broker;
  readonly rows: StoreData;
  readonly receivers: Receivers;
  readonly ledger: Ledger;
  readonly plan: Plan;
  readonly transport: TransportSettings;
  readonly faults: {
    verdict(call: string): Verdict;
    strikes(mishap: Mishap): boolean;
  };
  readonly latencyMs: () => number;
  readonly defect: Defect;
}

/** The owner of what is outside of any process. */
export const OUTSIDE = Symbol("outside");

const RESTART_MS_MAX = 2_000;
/** How long a stop may take beyond its deadline: the last call of each kind, and its delay. */
const STOP_SLACK_MS = 60_000;

/** Calls of the store that change nothing: they are answered in any order. */
const STORE_READS: ReadonlySet<string> = new Set([
  ...["resources", "existing", "counts", "heldKeys", "list", "get", "trace", "countDead"],
]);

export class Host {
  readonly #world: World;
  #process: Process | undefined;
  #starts = 0;
  crashes = 0;
  /** Called at each end of a process. */
  onEnd: () => void = () => {};

  constructor(world: World) {
    this.#world = world;
  }

  /** The bus, when it is open. */
  get bus(): Bus | undefined {
    return this.#process?.bus;
  }

  start(): void {
    this.#starts += 1;
    this.#world.trace.say(`process ${this.#starts} starts`);
    const process = new Process(this.#world, this.#starts, () => this.crash());
    this.#process = process;
    process.open().catch((error: unknown) => {
      this.#world.trace.say(`process can't start: ${error}`);
      this.#end();
    });
  }

  crash(): void {
    if (this.#process === undefined) return;
    this.crashes += 1;
    this.#world.trace.say("the process crashes");
    this.#end();
  }

  /** Stops it as SIGTERM does, then starts it again. */
  async restart(graceMs: number): Promise<void> {
    const process = this.#process;
    if (process?.bus === undefined) return;
    const { scheduler, trace, ledger } = this.#world;
    trace.say(`the process stops within ${graceMs} ms`);
    const endWatch = scheduler.after(process.owner, graceMs + STOP_SLACK_MS, () => {
      ledger.violate("a stop did not end");
    });
    await process.stop(scheduler.now + graceMs).catch((error: unknown) => trace.say(`the stop fails: ${error}`));
    endWatch();
    if (this.#process === process) this.#end();
  }

  #end(): void {
    const { scheduler, dice, ledger } = this.#world;
    this.#process?.cutOff();
    this.#process = undefined;
    ledger.crashed();
    this.onEnd();
    scheduler.after(OUTSIDE, dice.integer(1, RESTART_MS_MAX), () => this.start());
  }
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

class Process implements Circumstances {
  readonly owner = Symbol("process");
  readonly #world: World;
  readonly #number: number;
  readonly #effects = new Set<() => void>();
  readonly #transport: SimulatedTransport;
  readonly #crash: () => void;
  #bus: OwnedBus | undefined;
  #isStopping = false;
  isAlive = true;

  constructor(world: World, number: number, crash: () => void) {
    this.#world = world;
    this.#number = number;
    this.#crash = crash;
    this.#transport = new SimulatedTransport(world.broker, this, { ...world.transport, ...trackerOf(world.defect) });
  }

  get bus(): OwnedBus | undefined {
    return this.#isStopping ? undefined : this.#bus;
  }

  async open(): Promise<void> {
    const { plan, dice, rows, receivers, ledger, defect } = this.#world;
    const failure = (call: string): Error => new PulsebusError("unavailable", `${call} fails`);
    const way = wayOf(this, "store", failure, (call) => !STORE_READS.has(call));
    const random = dice.fork(`engine of process ${this.#number}`);
    const store: Store = new MemoryStore(rows, way);
    const transport: Transport = this.#transport;
    const { store: withStore = same, transport: withTransport = same, sink: withSink = same } = defect;
    const clock = this.#clock();
    let ids = 0;
    const open = { name: "embedded", adapter: "embedded", topicOptions: same };
    this.#bus = await openBus({
      plan,
      transports: new Map([["embedded", { ...open, transport: withTransport(transport) }]]),
      store: withStore(store),
      clock,
      random: () => random.next(),
      logger: SILENT,
      newId: () => `p${this.#number}-${++ids}`,
      transformer: openTransformer(clock, SILENT),
      openWebhook: (subscription, { url }) =>
        withSink(new SimulatedWebhook({ subscription, url, receivers, ledger, circumstances: this })),
    });
    this.say("the bus is open");
  }

  stop(deadline: number): Promise<void> {
    this.#isStopping = true;
    return this.#bus?.drain(deadline) ?? Promise.resolve();
  }

  /** Of what is under way, some arrives. */
  cutOff(): void {
    this.isAlive = false;
    const { dice, scheduler } = this.#world;
    scheduler.end(this.owner);
    for (const effect of this.#effects) if (dice.chance(0.5)) effect();
    this.#transport.cutOff();
  }

  now(): number {
    return this.#world.scheduler.now;
  }

  after(delayMs: number, run: () => void): void {
    this.#world.scheduler.after(this.owner, delayMs, run);
  }

  effect(run: () => void): void {
    const effect = (): void => {
      if (this.#effects.delete(effect)) run();
    };
    this.#effects.add(effect);
    this.after(this.latencyMs(), effect);
  }

  latencyMs(): number {
    return this.#world.latencyMs();
  }

  verdict(call: string): Verdict {
    return this.#world.faults.verdict(call);
  }

  strikes(mishap: Mishap): boolean {
    return this.#world.faults.strikes(mishap);
  }

  random(): number {
    return this.#world.dice.next();
  }

  crash(): void {
    if (this.isAlive) this.#crash();
  }

  say(line: string): void {
    this.#world.trace.say(line);
  }

  #clock(): Clock {
    const { scheduler } = this.#world;
    return {
      now: () => scheduler.now,
      monotonic: () => scheduler.now,
      timer: (delayMs, callback) => scheduler.after(this.owner, delayMs, callback),
      soon: (callback) => void scheduler.after(this.owner, 0, callback),
    };
  }
}

function same<T>(thing: T): T {
  return thing;
}

function trackerOf({ tracker }: Defect): Pick<TransportSettings, "tracker"> {
  return tracker === undefined ? {} : { tracker };
}
