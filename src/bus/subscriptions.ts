/**
 * The subscriptions: durable resources and the runners that work for them.
 *
 * Creating: write the record as `provisioning`, create the group on the transport, write `ready`, start the runner.
 * Deleting: write `deleting`, stop the runner, delete group and rows, delete the record. A crash in between leaves the
 * record, and the next start carries on from there. All changes of one subscription happen one after the other.
 */
import { validateSubscriptionInput } from "../config/schema.ts";
import { PulsebusError } from "../errors.ts";
import { SUBSCRIPTIONS_MAX } from "../limits.ts";
import type { Page } from "../store/port.ts";
import { resolveSubscription } from "../subscription/resolve.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Origin } from "./bus.ts";
import { asPulsebusError, type BusContext, groupName } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { Ops } from "./ops.ts";
import { type PageRequest, pageOfNames } from "./paging.ts";
import { type EntryEvents, SubscriptionEntry, type SubscriptionRecord } from "./subscription-entry.ts";
import type { Topics } from "./topics.ts";

export class Subscriptions {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #ops: Ops;
  readonly #entries = new Map<string, SubscriptionEntry>();
  readonly #queue = new KeyedQueue();
  readonly #expiries = new Map<string, () => void>();
  readonly #events: EntryEvents;

  constructor(context: BusContext, topics: Topics, ops: Ops) {
    this.#context = context;
    this.#topics = topics;
    this.#ops = ops;
    this.#events = {
      onPause: (entry, reason) => this.#inBackground("pausing", this.pause(entry.id, reason)),
      onHealth: (entry, failing) => {
        const type = failing === undefined ? "subscription.recovered" : "subscription.failing";
        this.#inBackground("announcing", ops.say(type, entry.subscription, failing ?? "deliveries go through again"));
      },
    };
  }

  /** Brings back what the store holds, finishes what a crash cut off, applies the configuration, and starts all. */
  async load(configured: readonly Subscription[]): Promise<void> {
    const inFile = new Map(configured.map((subscription) => [subscription.id, subscription]));
    for (const { json, revision } of await this.#context.store.resources("subscription")) {
      const record = JSON.parse(json) as SubscriptionRecord;
      if (record.state === "deleting") await this.#removeGroup(record);
      else await this.#restore(record, revision, inFile);
    }
    for (const subscription of configured) await this.#apply(subscription);
    await Promise.all([...this.#entries.values()].map((entry) => entry.start()));
  }

  get(id: string): SubscriptionEntry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new PulsebusError("unknown-subscription", `there is no subscription "${id}"`);
  }

  all(): Iterable<SubscriptionEntry> {
    return this.#entries.values();
  }

  ofTopic(topic: string): SubscriptionEntry[] {
    return [...this.#entries.values()].filter(({ subscription }) => subscription.topic === topic);
  }

  page(request: PageRequest & { readonly topic?: string }): Page<SubscriptionEntry> {
    const entries = request.topic === undefined ? [...this.#entries.values()] : this.ofTopic(request.topic);
    const { items, next } = pageOfNames(
      entries.map(({ id }) => id),
      request,
    );
    return { items: items.map((id) => this.get(id)), next };
  }

  async create(input: unknown): Promise<SubscriptionEntry> {
    const subscription = await this.#resolve(input, this.#context.newId);
    return this.#queue.run(subscription.id, async () => {
      if (this.#entries.has(subscription.id)) {
        throw new PulsebusError("conflict", `subscription "${subscription.id}" exists: change it with PUT`, {
          at: "/id",
        });
      }
      await this.#openTopics(subscription);
      const entry = await this.#provision(subscription, "api");
      await entry.start();
      return entry;
    });
  }

  replace(id: string, input: unknown, revision: number | undefined): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.get(id);
      checkWritable(entry);
      checkRevision(entry, revision);
      const subscription = await this.#resolve(input, () => id);
      checkSameIdentity(entry, subscription);
      await this.#openTopics(subscription);
      await this.#take(entry, subscription, entry.record.origin);
      await entry.restart();
      return entry;
    });
  }

  delete(id: string, revision: number | undefined): Promise<void> {
    return this.#queue.run(id, async () => {
      const entry = this.get(id);
      if (!entry.detached) checkWritable(entry);
      checkRevision(entry, revision);
      await this.#save({ ...entry.record, state: "deleting" }, entry.revision);
      this.#expiries.get(id)?.();
      await entry.stop(this.#context.clock.now());
      await this.#removeGroup(entry.record);
      this.#entries.delete(id);
    });
  }

  pause(id: string, reason: string): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.get(id);
      if (entry.record.paused !== undefined) return entry;
      await this.#setRecord(entry, { ...entry.record, paused: reason });
      entry.pause();
      await this.#ops.say("subscription.paused", entry.subscription, reason);
      return entry;
    });
  }

  resume(id: string): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.get(id);
      if (entry.record.paused === undefined) return entry;
      const { paused: _, ...record } = entry.record;
      await this.#setRecord(entry, record);
      entry.resume();
      await this.#ops.say("subscription.resumed", entry.subscription, "resumed");
      return entry;
    });
  }

  async stop(deadline: number): Promise<void> {
    for (const cancel of this.#expiries.values()) cancel();
    await Promise.all([...this.#entries.values()].map((entry) => entry.stop(deadline)));
  }

  /** What was written, checked as far as that goes without the topics. */
  async #resolve(input: unknown, id: () => string): Promise<Subscription> {
    const subscription = resolveSubscription(validateSubscriptionInput(input), { id });
    const { transform } = subscription;
    if (transform !== undefined) await this.#context.transformer.check(transform, "/transform");
    return subscription;
  }

  async #restore(record: SubscriptionRecord, revision: number, inFile: Map<string, Subscription>): Promise<void> {
    const { input, origin } = record;
    const subscription = resolveSubscription(input, { id: () => input.id });
    const detached = origin === "config" && !inFile.has(input.id);
    const entry = this.#add(subscription, record, revision, detached);
    if (record.state === "provisioning") await this.#createGroup(entry);
    if (detached)
      await this.#ops.say("subscription.detached", subscription, "it is no longer in the configuration file");
  }

  /** A subscription of the configuration file, which wins over one of the same id made through the API. */
  async #apply(subscription: Subscription): Promise<void> {
    const entry = this.#entries.get(subscription.id);
    if (entry === undefined) return void (await this.#provision(subscription, "config"));
    checkSameIdentity(entry, subscription);
    const unchanged = JSON.stringify(entry.record.input) === JSON.stringify(subscription.input);
    if (entry.record.origin !== "config" || !unchanged) await this.#take(entry, subscription, "config");
  }

  async #provision(subscription: Subscription, origin: Origin): Promise<SubscriptionEntry> {
    if (this.#entries.size >= SUBSCRIPTIONS_MAX) {
      throw new PulsebusError("conflict", `there are ${SUBSCRIPTIONS_MAX} subscriptions, which is the most`);
    }
    const record: SubscriptionRecord = { input: subscription.input, origin, state: "provisioning" };
    await this.#save(record, 1);
    const entry = this.#add(subscription, record, 1, false);
    try {
      await this.#createGroup(entry);
    } catch (error) {
      this.#entries.delete(entry.id);
      await this.#removeGroup(record).catch(() => this.#save({ ...record, state: "deleting" }, 1));
      throw asPulsebusError(error);
    }
    return entry;
  }

  #add(subscription: Subscription, record: SubscriptionRecord, revision: number, detached: boolean): SubscriptionEntry {
    const state = { subscription, record, revision, detached };
    const entry = new SubscriptionEntry(this.#context, this.#topics, this.#events, state);
    this.#entries.set(entry.id, entry);
    this.#armExpiry(entry);
    return entry;
  }

  async #createGroup(entry: SubscriptionEntry): Promise<void> {
    const { transport, plan } = entry.topic;
    await transport.createGroup(plan.address, entry.group, { at: entry.subscription.policy.from });
    await this.#setRecord(entry, { ...entry.record, state: "ready" });
  }

  /** Also finishes a deletion that a crash cut off; the topic may be gone by then. */
  async #removeGroup({ input }: SubscriptionRecord): Promise<void> {
    const topic = this.#topics.get(input.topic);
    await topic?.transport.deleteGroup(topic.plan.address, groupName(this.#context, input.id));
    await this.#context.store.deleteDeliveries(input.id);
    await this.#context.store.deleteResource("subscription", input.id);
  }

  /** Stores a new definition; its first use is the next start. */
  async #take(entry: SubscriptionEntry, subscription: Subscription, origin: Origin): Promise<void> {
    entry.revision += 1;
    await this.#setRecord(entry, { ...entry.record, input: subscription.input, origin });
    entry.subscription = subscription;
    entry.detached = false;
    this.#armExpiry(entry);
  }

  async #setRecord(entry: SubscriptionEntry, record: SubscriptionRecord): Promise<void> {
    await this.#save(record, entry.revision);
    entry.record = record;
  }

  #save(record: SubscriptionRecord, revision: number): Promise<void> {
    const { store } = this.#context;
    return store.putResource("subscription", { name: record.input.id, revision, json: JSON.stringify(record) });
  }

  /** The topic to read, and the one to write for a topic sink, must be there; a publish could create them too. */
  async #openTopics({ topic, sink, policy, replyTopic }: Subscription): Promise<void> {
    await this.#topics.open(topic);
    if (replyTopic !== undefined) await this.#topics.open(replyTopic);
    for (const address of [sink, policy.deadLetterSink]) {
      if (address?.kind === "topic") await this.#topics.open(address.topic);
    }
  }

  #armExpiry(entry: SubscriptionEntry): void {
    this.#expiries.get(entry.id)?.();
    this.#expiries.delete(entry.id);
    const { expiresAt } = entry.subscription;
    if (expiresAt === undefined) return;
    const { clock } = this.#context;
    const expire = (): void => this.#inBackground("expiring", this.delete(entry.id, undefined));
    this.#expiries.set(entry.id, clock.timer(Math.max(0, expiresAt - clock.now()), expire));
  }

  #inBackground(what: string, task: Promise<unknown>): void {
    task.catch((error: unknown) => this.#context.logger.error({ error: String(error) }, `${what} failed`));
  }
}

function checkWritable(entry: SubscriptionEntry): void {
  if (entry.record.origin !== "config") return;
  throw new PulsebusError(
    "read-only",
    `subscription "${entry.id}" belongs to the configuration file: change it there and restart`,
  );
}

function checkRevision(entry: SubscriptionEntry, revision: number | undefined): void {
  if (revision === undefined || revision === entry.revision) return;
  throw new PulsebusError(
    "precondition-failed",
    `subscription "${entry.id}" is at revision ${entry.revision} by now: read it again and repeat the change`,
  );
}

function checkSameIdentity(entry: SubscriptionEntry, subscription: Subscription): void {
  if (subscription.id !== entry.id) {
    throw new PulsebusError("conflict", `the id is "${entry.id}" and can't be changed`, { at: "/id" });
  }
  if (subscription.topic !== entry.subscription.topic) {
    throw new PulsebusError(
      "conflict",
      `subscription "${entry.id}" reads topic "${entry.subscription.topic}", which can't be changed: create another one`,
      { at: "/topic" },
    );
  }
}
