/**
 * One run, from one seed: a workload under faults, crashes and changes of configuration, then calm, in which everything
 * has to settle. `ledger.ts` judges each step; the run ends with the first violation.
 */
import { loadPlan } from "../../src/config/load.ts";
import type { Plan } from "../../src/config/plan.ts";
import { Broker } from "./broker/broker.ts";
import { Clients } from "./clients.ts";
import { Dice } from "./dice.ts";
import { ALL_FAULTS, type FaultPlan, Faults } from "./faults.ts";
import { type Defect, Host, OUTSIDE, type World } from "./host.ts";
import { Ledger } from "./ledger.ts";
import { Operator } from "./operator.ts";
import { Receivers } from "./receiver.ts";
import { Scheduler } from "./scheduler.ts";
import { StoreData } from "./store/memory-store.ts";
import { Trace } from "./trace.ts";
import { planWorkload } from "./workload.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly defect?: Defect;
  /** What may go wrong; everything, by default. */
  readonly faults?: FaultPlan;
  readonly keepsTrace?: boolean;
}

export interface Report {
  readonly seed: number;
  /** Sentences; none is what should be. */
  readonly violations: readonly string[];
  /** Two runs with the same digest did the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  readonly steps: number;
  readonly events: number;
  readonly attempts: number;
  /** Attempts that unknown outcomes explain. */
  readonly duplicates: number;
  /** Calls of store and transport by name. */
  readonly calls: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
}

const START = Date.UTC(2026, 0, 1);
const TROUBLE_MS = 40_000;
/** After the trouble: several times the longest back-off, `Retry-After` and timeout together. */
const CALM_MS_MAX = 20 * 60_000;
const LOOK_EVERY_MS = 500;
/** Of a run that goes round in circles. */
const STEPS_MAX = 300_000;

export async function simulate(options: SimulationOptions): Promise<Report> {
  return new Simulation(await planOfBus(), options).run();
}

class Simulation {
  readonly #seed: number;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #host: Host;
  readonly #clients: Clients;
  readonly #operator: Operator;

  constructor(plan: Plan, { seed, defect = {}, faults = ALL_FAULTS, keepsTrace = false }: SimulationOptions) {
    const dice = new Dice(seed);
    const scheduler = new Scheduler(dice.fork("order"), START);
    const trace = new Trace(() => scheduler.now, keepsTrace);
    const [broker, rows] = [new Broker(), new StoreData()];
    const ordering = dice.pick(["none", "topic"] as const);
    const workload = planWorkload(dice.fork("workload"), ordering === "topic");
    const ledger = new Ledger(broker, rows, plan.busId, workload.subscriptions);
    const receivers = new Receivers(dice.fork("receivers"));
    const topics = workload.topics.map((name) => ({ ...plan.topicDefaults, name, address: name }));
    this.#seed = seed;
    this.#faults = new Faults(dice.fork("faults"), faults);
    this.#world = {
      ...{ scheduler, trace, broker, rows, receivers, ledger },
      plan: { ...plan, topics },
      dice: dice.fork("world"),
      transport: { ordering, keepsEachAck: ordering === "none" || dice.chance(0.5) },
      faults: this.#faults,
      latencyMs: latencyOf(dice.fork("latency")),
      defect,
    };
    this.#host = new Host(this.#world);
    this.#clients = new Clients(this.#world, this.#host, workload, dice.fork("clients"));
    this.#operator = new Operator(this.#world, this.#host, workload, dice.fork("operator"));
  }

  async run(): Promise<Report> {
    const { scheduler, ledger, receivers } = this.#world;
    scheduler.onStep = () => {
      if (scheduler.steps > STEPS_MAX) ledger.violate(`more than ${STEPS_MAX} steps`);
      if (this.#faults.crashesNow()) this.#host.crash();
    };
    this.#host.start();
    this.#operator.start(TROUBLE_MS);
    this.#clients.start(TROUBLE_MS);
    await scheduler.run(START + TROUBLE_MS, () => ledger.violations.length > 0);
    this.#faults.end();
    receivers.isCalm = true;
    this.#world.trace.say("calm");
    await this.#settle();
    scheduler.end(OUTSIDE);
    return this.#report();
  }

  async #settle(): Promise<void> {
    const { scheduler, ledger } = this.#world;
    const end = scheduler.now + CALM_MS_MAX;
    let open: readonly string[] = ["a subscription is not active"];
    while (open.length > 0 && scheduler.now < end && ledger.violations.length === 0) {
      this.#operator.tidy();
      await scheduler.run(scheduler.now + LOOK_EVERY_MS, () => ledger.violations.length > 0);
      if (!this.#operator.isTidy) continue;
      open = ledger.unsettled();
      if (open.length === 0) open = await this.#wrongCounters();
    }
    if (ledger.violations.length === 0) for (const sentence of open) ledger.violate(`after calm ${sentence}`);
  }

  async #wrongCounters(): Promise<readonly string[]> {
    const { scheduler } = this.#world;
    let wrong: readonly string[] | undefined;
    scheduler.after(OUTSIDE, 0, () => {
      void this.#operator.wrongCounters().then((found) => {
        wrong = found;
      });
    });
    await scheduler.run(scheduler.now + CALM_MS_MAX, () => wrong !== undefined);
    return wrong ?? ["the bus does not answer"];
  }

  #report(): Report {
    const { ledger, trace, scheduler } = this.#world;
    const { violations, attempts, duplicates } = ledger;
    const counts = new Map([...this.#faults.counts, ["crash", this.#host.crashes]] as const);
    return {
      ...{ seed: this.#seed, violations, attempts, duplicates },
      ...{ digest: trace.digest(), trace: trace.lines, steps: scheduler.steps },
      ...{ events: this.#clients.published, calls: this.#faults.calls, faults: counts },
    };
  }
}

/** How long things take, which is another pattern with each seed: nothing at all, a little, or now and then very long. */
function latencyOf(dice: Dice): () => number {
  const usualMs = dice.pick([0, 0, 2, 10]);
  const [longShare, longMs] = [dice.pick([0, 0.01, 0.05]), dice.pick([50, 500, 3_000])];
  return () => (dice.chance(longShare) ? dice.integer(1, longMs) : dice.integer(0, usualMs));
}

let busPlan: Promise<Plan> | undefined;

function planOfBus(): Promise<Plan> {
  busPlan ??= loadPlan({
    env: {},
    flags: {},
    readFile: () => Promise.reject(Object.assign(new Error("no file"), { code: "ENOENT" })),
    adapters: ["embedded"],
  });
  return busPlan;
}
