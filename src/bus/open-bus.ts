/** Puts the rooms of the bus together and opens it on what the store holds and the plan says. */
import { Engine } from "../delivery/engine.ts";
import { PulsebusError } from "../errors.ts";
import { BROKER_GRACE_MS, NOT_READY_NAMED_MAX, SKIPPED_CHECK_MS } from "../limits.ts";
import type { PullOutcome } from "../sink/pull.ts";
import type { DeliveryFilter } from "../store/port.ts";
import type { Start } from "../transport/port.ts";
import { Archives } from "./archives.ts";
import { Background, type Task } from "./background.ts";
import type { Bus, DeadLetterSelection, OpenTopic, ReplayRequest, SubscriptionView, TransportView } from "./bus.ts";
import { asPulsebusError, type BusContext, type BusOptions } from "./context.ts";
import { DeadLetterJobs } from "./dead-letter-jobs.ts";
import { busEvent, Ops, opsTopicPlan, refuseReserved } from "./ops.ts";
import type { PageRequest } from "./paging.ts";
import { Replays } from "./replays.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Topics } from "./topics.ts";
import { traceEvent } from "./trace.ts";

/** What only the composition root may do with a bus. */
export interface OwnedBus extends Bus {
  /** Lets running attempts finish until `deadline` (milliseconds since the epoch), parks the rest, closes transports. */
  drain(deadline: number): Promise<void>;
}

export async function openBus(options: BusOptions): Promise<OwnedBus> {
  const context = { ...options, engine: new Engine(options.clock, await claimData(options)) };
  const background = new Background(context);
  const topics = new Topics(context, background);
  const ops = new Ops(context, topics);
  const replays = new Replays(context);
  const subscriptions = new Subscriptions(context, topics, ops, replays, background);
  const archives = new Archives(context, topics, subscriptions);
  try {
    const internal = [opsTopicPlan(context.plan.topicDefaults)];
    const topicTasks = [...(await topics.load(context.plan.topics, internal)), ...(await archives.loadTopics())];
    await tried(topicTasks);
    await replays.load();
    const ownTasks = await subscriptions.load(context.plan.subscriptions);
    const subscriptionTasks = [...ownTasks, ...(await archives.loadSubscriptions())];
    await tried(subscriptionTasks);
    replays.resume(subscriptions.all());
    const starting = [...topicTasks, ...subscriptionTasks];
    return new BusService(context, { background, topics, subscriptions, replays, archives, ops, starting });
  } catch (error) {
    void background.stop(); // its steps end when the transports are closed
    throw error;
  }
}

/** With its brokers there the bus is complete when it begins to serve; it does not wait for one that is away. */
async function tried(tasks: readonly Task[]): Promise<void> {
  await Promise.all(tasks.map((task) => task.tried(BROKER_GRACE_MS)));
}

interface BusRecord {
  /** Since the process began; it is false for good when that did not come to its end. */
  readonly endedCleanly?: boolean;
}

/**
 * The data of one bus must not be continued under the name of another: its groups on brokers would be left behind.
 * Answers whether the process before this one did not come to its end.
 */
async function claimData({ store, plan }: BusOptions): Promise<boolean> {
  const [owner] = await store.resources("bus");
  if (owner === undefined || owner.name === plan.busId) {
    await putBusRecord({ store, plan }, { endedCleanly: false });
    return owner !== undefined && (JSON.parse(owner.json) as BusRecord).endedCleanly !== true;
  }
  throw new PulsebusError(
    "invalid-configuration",
    `the data directory belongs to bus "${owner.name}", the configuration says "${plan.busId}": set bus.id to ` +
      `"${owner.name}", or use another data directory`,
    { at: "bus.id" },
  );
}

function putBusRecord({ store, plan }: Pick<BusOptions, "store" | "plan">, record: BusRecord): Promise<void> {
  return store.putResource("bus", { name: plan.busId, revision: 1, json: JSON.stringify(record) });
}

interface Rooms {
  readonly background: Background;
  readonly topics: Topics;
  readonly subscriptions: Subscriptions;
  readonly replays: Replays;
  readonly archives: Archives;
  readonly ops: Ops;
  readonly starting: readonly Task[];
}

/** Tries all of them first. */
function refuseLost(locks: readonly string[], isHeld: (lock: string, index: number) => boolean): void {
  const held = locks.map(isHeld);
  const lost = locks.filter((_, index) => !held[index]);
  const [first] = lost;
  if (first === undefined) return;
  const message = `${lost.length} of ${locks.length} locks are not held any more, the first is "${first}": what they locked is delivered again`;
  throw new PulsebusError("lock-lost", message, { at: `/locks/${held.indexOf(false)}` });
}

class BusService implements OwnedBus {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #subscriptions: Subscriptions;
  readonly #replays: Replays;
  readonly #archives: Archives;
  readonly #ops: Ops;
  readonly #jobs: DeadLetterJobs;
  readonly #background: Background;
  /** What the start had to have confirmed. */
  readonly #starting: readonly Task[];
  readonly #skipped = new Map<string, number>();
  #cancelSkippedCheck: () => void = () => undefined;
  #draining = false;

  constructor(context: BusContext, { background, topics, subscriptions, replays, archives, ops, starting }: Rooms) {
    this.#context = context;
    this.#background = background;
    this.#topics = topics;
    this.#subscriptions = subscriptions;
    this.#replays = replays;
    this.#archives = archives;
    this.#ops = ops;
    this.#starting = starting;
    this.#jobs = new DeadLetterJobs(context);
    this.#planSkippedCheck();
  }

  openTopic(name: string): OpenTopic | Promise<OpenTopic> {
    refuseReserved(name);
    return this.#topics.open(name);
  }

  async topics(page: PageRequest) {
    const { items, next } = this.#topics.page(page);
    return { items: await Promise.all(items.map((topic) => topic.view())), next };
  }

  async topic(name: string) {
    return this.#topics.require(name).view();
  }

  async createTopic(name: string, input: unknown) {
    refuseReserved(name);
    const { created, topic } = await this.#createTopic(name, input);
    await this.#archives.follow(topic);
    return { created, topic: await topic.view() };
  }

  async deleteTopic(name: string) {
    const readers = this.#subscriptions.ofTopic(name).filter(({ record }) => record.origin !== "internal");
    if (readers.length > 0) {
      const some = readers.slice(0, 5).map(({ id }) => id);
      const message = `topic "${name}" has ${readers.length} subscriptions (${some.join(", ")}): delete them first`;
      throw new PulsebusError("conflict", message);
    }
    this.#topics.requireDeletable(name);
    await this.#archives.drop(name);
    await this.#topics.delete(name);
    await this.#archives.dropTopic(name);
  }

  async browse(name: string, from: Start, limit: number) {
    const { transport, plan } = this.#topics.require(name);
    return asUser(transport.read(plan.address, from, limit));
  }

  async trace(name: string, identity: { readonly source: string; readonly id: string }) {
    const topic = this.#topics.require(name);
    return asUser(traceEvent(this.#context, topic, this.#subscriptions.ofTopic(name), identity));
  }

  async subscriptions(page: PageRequest & { readonly topic?: string }) {
    const { items, next } = this.#subscriptions.page(page);
    return { items: await Promise.all(items.map((entry) => entry.view())), next };
  }

  subscription(id: string): Promise<SubscriptionView> {
    return this.#view(async () => this.#subscriptions.get(id));
  }

  createSubscription(input: unknown): Promise<SubscriptionView> {
    return this.#view(() => this.#subscriptions.create(input));
  }

  replaceSubscription(id: string, input: unknown, revision: number | undefined): Promise<SubscriptionView> {
    return this.#view(() => this.#subscriptions.replace(id, input, revision));
  }

  deleteSubscription(id: string, revision: number | undefined): Promise<void> {
    return this.#subscriptions.delete(id, revision);
  }

  pause(id: string, reason: string): Promise<SubscriptionView> {
    return this.#view(() => this.#subscriptions.pause(id, reason));
  }

  resume(id: string): Promise<SubscriptionView> {
    return this.#view(() => this.#subscriptions.resume(id));
  }

  async test(id: string) {
    const entry = this.#subscriptions.get(id);
    const result = await asUser(
      entry.test(busEvent(this.#context, "test", id, { message: "a test of this subscription" })),
    );
    if (result === undefined) return { outcome: "failure", status: undefined, detail: "the sink gave no result" };
    const status = result.kind === "response" ? result.status : undefined;
    const detail = result.kind === "response" ? result.excerpt : "message" in result ? result.message : "";
    return { outcome: result.kind, status, detail };
  }

  async deliveries(id: string, filter: DeliveryFilter, page: PageRequest) {
    const entry = this.#subscriptions.get(id);
    const parked = await this.#context.store.list(id, "parked", filter, page);
    return { parked, inFlight: entry.inFlight(), recent: entry.recent() };
  }

  async deadLetters(id: string, filter: DeliveryFilter, page: PageRequest) {
    this.#subscriptions.get(id);
    return this.#context.store.list(id, "dead", filter, page);
  }

  async receive(id: string, { max, waitMs }: { readonly max: number; readonly waitMs: number }, signal: AbortSignal) {
    return this.#subscriptions.get(id).pull.receive(max, waitMs, signal);
  }

  settlePulled(id: string, locks: readonly string[], outcome: PullOutcome): void {
    const { pull } = this.#subscriptions.get(id);
    refuseLost(locks, (lock) => pull.settle(lock, outcome));
  }

  renewPulled(id: string, locks: readonly string[]): readonly number[] {
    const { pull } = this.#subscriptions.get(id);
    const renewed = locks.map((lock) => pull.renew(lock));
    refuseLost(locks, (_, index) => renewed[index] !== undefined);
    return renewed.filter((expiresAt) => expiresAt !== undefined);
  }

  async delivery(id: string, delivery: string) {
    this.#subscriptions.get(id);
    const row = await this.#context.store.get(id, delivery);
    if (row !== undefined) return row;
    throw new PulsebusError(
      "unknown-delivery",
      `subscription "${id}" has no parked delivery or dead letter "${delivery}"`,
    );
  }

  async redrive(id: string, selection: DeadLetterSelection) {
    return this.#jobs.start("redrive", this.#subscriptions.get(id), selection);
  }

  async discard(id: string, selection: DeadLetterSelection) {
    return this.#jobs.start("discard", this.#subscriptions.get(id), selection);
  }

  async startReplay(id: string, request: ReplayRequest) {
    return this.#replays.start(this.#subscriptions.get(id), request);
  }

  replays(id: string) {
    return this.#replays.list(this.#subscriptions.get(id));
  }

  replay(id: string, replay: string) {
    return this.#replays.get(this.#subscriptions.get(id), replay);
  }

  async cancelReplay(id: string, replay: string) {
    return this.#replays.cancel(this.#subscriptions.get(id), replay);
  }

  transports(): Promise<readonly TransportView[]> {
    return Promise.all(
      [...this.#context.transports.values()].map(async ({ name, adapter, transport }) => {
        const lastError = await transport.check().then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
        return { name, adapter, healthy: lastError === undefined, lastError, capabilities: transport.capabilities };
      }),
    );
  }

  async ready(): Promise<void> {
    const ill = (await this.transports()).filter(({ healthy }) => !healthy);
    const waiting = this.#starting.filter(({ isOpen }) => isOpen);
    const reasons = [
      ...ill.map(({ name, lastError }) => `${name}: ${lastError}`),
      ...waiting.slice(0, NOT_READY_NAMED_MAX).map(({ name, fault }) => `${name}: ${fault?.message}`),
    ];
    if (reasons.length === 0) return;
    if (waiting.length > NOT_READY_NAMED_MAX) reasons.push(`${waiting.length - NOT_READY_NAMED_MAX} more`);
    throw new PulsebusError("unavailable", `not ready: ${reasons.join("; ")}`, { retryAfterSeconds: 1 });
  }

  snapshot() {
    return Promise.all([...this.#subscriptions.all()].map((entry) => entry.snapshot(this.#replays.running(entry.id))));
  }

  topicCounters() {
    return new Map([...this.#topics.all()].map(([name, { counters }]) => [name, counters]));
  }

  async drain(deadline: number): Promise<void> {
    this.#draining = true;
    this.#cancelSkippedCheck();
    this.#jobs.stop();
    const background = this.#background.stop();
    await this.#replays.stop();
    await this.#subscriptions.stop(deadline);
    await Promise.all([...this.#context.transports.values()].map(({ transport }) => transport.close(deadline)));
    await background;
    // Without it the next start takes this end for an unclean one, which costs it a little.
    await putBusRecord(this.#context, { endedCleanly: true }).catch((error: unknown) =>
      this.#context.logger.warn({ error: String(error) }, "the clean end could not be written down"),
    );
  }

  async #createTopic(name: string, input: unknown) {
    try {
      return await this.#topics.create(name, input);
    } catch (error) {
      this.#archives.followLater(this.#topics.get(name));
      throw error;
    }
  }

  async #view(find: () => Promise<SubscriptionEntry>): Promise<SubscriptionView> {
    return (await find()).view();
  }

  /** Announces what retention took from a subscription that had not received it. */
  #planSkippedCheck(): void {
    if (this.#draining) return;
    const { clock, logger } = this.#context;
    this.#cancelSkippedCheck = clock.timer(SKIPPED_CHECK_MS, () => {
      this.#announceSkipped()
        .catch((error: unknown) => logger.warn({ error: String(error) }, "skipped events could not be counted"))
        .finally(() => this.#planSkippedCheck());
    });
  }

  async #announceSkipped(): Promise<void> {
    for (const entry of this.#subscriptions.all()) {
      const { skipped } = await entry.stats();
      const known = this.#skipped.get(entry.id) ?? 0;
      this.#skipped.set(entry.id, skipped);
      if (skipped > known) {
        const detail = `retention took ${skipped - known} events before they were received`;
        await this.#ops.say("subscription.skipped", entry.subscription, detail);
      }
    }
  }
}

/** What a transport fails with, as users see it. */
async function asUser<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asPulsebusError(error);
  }
}
