/** The people who run the bus: they create, pause, resume and replace subscriptions, redrive and discard dead letters. */
import type { Bus } from "../../src/bus/bus.ts";
import type { DeliveryPolicy } from "../../src/subscription/subscription.ts";
import type { Dice } from "./dice.ts";
import { type Host, OUTSIDE, type World } from "./host.ts";
import { replan, type SubscriptionPlan, type Workload } from "./workload.ts";

type Action = (bus: Bus, subscription: SubscriptionPlan, dice: Dice) => Promise<unknown>;

const ACTIONS: Readonly<Record<string, Action>> = {
  pause: (bus, { id }) => bus.pause(id, "the operator wants it"),
  resume: (bus, { id }) => bus.resume(id),
  replace: (bus, subscription, dice) => bus.replaceSubscription(subscription.id, replan(dice, subscription), undefined),
  redrive: (bus, { id }) => bus.redrive(id, { all: true }),
  "redrive one": (bus, { id }, dice) => moveOne(bus, id, dice, "redrive"),
  discard: (bus, { id }) => bus.discard(id, { filter: { reason: "rejected" } }),
  "discard one": (bus, { id }, dice) => moveOne(bus, id, dice, "discard"),
};

async function moveOne(bus: Bus, id: string, dice: Dice, action: "redrive" | "discard"): Promise<void> {
  const { items } = await bus.deadLetters(id, {}, { cursor: undefined, limit: 10 });
  if (items.length > 0) await bus[action](id, { ids: [dice.pick(items).id] });
}

/** So many hold up everything, or one of them its key. */
function deadLettersAllowed({ maxDeadLetters, ordering }: DeliveryPolicy): number {
  return ordering?.onDeadLetter === "block" ? 1 : maxDeadLetters;
}

/** Stops in order get so long for running attempts. */
const GRACE_MS_MAX = 2_000;
const CREATE_EVERY_MS = 700;

export class Operator {
  readonly #world: World;
  readonly #host: Host;
  readonly #workload: Workload;
  readonly #dice: Dice;
  readonly #busy = new Set<string>();
  /** What is true of each subscription since it was looked at last. */
  readonly #tidy = new Set<string>();

  constructor(world: World, host: Host, workload: Workload, dice: Dice) {
    this.#world = world;
    this.#host = host;
    this.#workload = workload;
    this.#dice = dice;
    host.onEnd = () => this.#busy.clear();
  }

  /** Whether all subscriptions are there and active, and no action is under way. */
  get isTidy(): boolean {
    return this.#busy.size === 0 && this.#tidy.size === this.#workload.subscriptions.length;
  }

  start(durationMs: number): void {
    const { scheduler } = this.#world;
    this.#keepCreating();
    for (let actions = this.#dice.integer(0, 12); actions > 0; actions--) {
      scheduler.after(OUTSIDE, this.#dice.integer(0, durationMs), () => this.#act());
    }
    for (let restarts = this.#dice.pick([0, 0, 1, 2]); restarts > 0; restarts--) {
      scheduler.after(OUTSIDE, this.#dice.integer(0, durationMs), () => {
        void this.#host.restart(this.#dice.integer(0, GRACE_MS_MAX));
      });
    }
  }

  /** Looks after each subscription: it is to be active, with room for dead letters. */
  tidy(): void {
    for (const subscription of this.#workload.subscriptions) {
      this.#do("tidy", subscription, (bus, plan) => this.#tidyOne(bus, plan));
    }
  }

  async #tidyOne(bus: Bus, plan: SubscriptionPlan): Promise<void> {
    const { id } = plan;
    this.#tidy.delete(id);
    // What took too long to create was undone.
    if (!this.#isCreated(plan)) return void (await bus.createSubscription(plan.input));
    const { status, subscription } = await bus.subscription(id);
    if (status.state === "paused") await bus.resume(id);
    else if (status.deadLetters >= deadLettersAllowed(subscription.policy)) await bus.discard(id, { all: true });
    else this.#tidy.add(id);
  }

  /** Where the bus shows something else than what the store holds. */
  async wrongCounters(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const { id } of this.#workload.subscriptions) {
      const view = await this.#host.bus?.subscription(id);
      const { parked, deadLetters, inFlight } = view?.status ?? {};
      const { rows } = this.#world;
      const truth = `0 in flight, ${rows.of(id, "parked").length} parked, ${rows.of(id, "dead").length} dead`;
      const shown = `${inFlight} in flight, ${parked} parked, ${deadLetters} dead`;
      if (shown !== truth) wrong.push(`${id} shows ${shown}; in truth ${truth}`);
    }
    return wrong;
  }

  /** Until they are there. */
  #keepCreating(): void {
    let missing = 0;
    for (const subscription of this.#workload.subscriptions) {
      if (this.#isCreated(subscription)) continue;
      missing += 1;
      this.#do("create", subscription, (bus, { input }) => bus.createSubscription(input));
    }
    if (missing > 0) this.#world.scheduler.after(OUTSIDE, CREATE_EVERY_MS, () => this.#keepCreating());
  }

  #isCreated({ id }: SubscriptionPlan): boolean {
    return this.#world.rows.resources("subscription").get(id)?.json.includes('"ready"') ?? false;
  }

  #act(): void {
    const name = this.#dice.pick(Object.keys(ACTIONS));
    const action = ACTIONS[name];
    if (action !== undefined) this.#do(name, this.#dice.pick(this.#workload.subscriptions), action);
  }

  #do(name: string, subscription: SubscriptionPlan, action: Action): void {
    const { bus } = this.#host;
    const key = `${name} ${subscription.id}`;
    if (bus === undefined || this.#busy.has(key)) return;
    const { trace } = this.#world;
    this.#busy.add(key);
    if (name !== "tidy") trace.say(`operator: ${key}`);
    action(bus, subscription, this.#dice)
      .catch((error: unknown) => trace.say(`operator: ${key}: ${error}`))
      .finally(() => this.#busy.delete(key));
  }
}
