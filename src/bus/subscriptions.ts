/**
 * The subscriptions: durable resources and the runners that work for them.
 *
 *   provisioning ── the transport has the group ──▶ ready ── delete ──▶ deleting ── group and rows are gone ──▶ (gone)
 *         └──────────────────────────────────────── delete ────────────────▲
 *
 * Creating and deleting write the intent first (`provisioning`, `deleting`), and ask the transport in the background
 * until it confirms; whoever asked waits for that for a while, and what was created in vain is deleted again. A crash
 * leaves the intent, and the next start carries on from there. Taking into service, which opens sinks and starts the
 * runner, is repeated like that too: it needs the places of the topics. All changes of one subscription happen one after
 * the other; its record is also written by its task.
 */

import { orderingFault } from "../config/capability-faults.ts";
import { validateSubscriptionInput } from "../config/schema.ts";
import { EMBEDDED } from "../config/transports.ts";
import { PulsebusError } from "../errors.ts";
import { BROKER_GRACE_MS, BROKER_WAIT_MS_MAX, REPLACE_GRACE_MS, SUBSCRIPTIONS_MAX } from "../limits.ts";
import type { Page } from "../store/port.ts";
import { archiveSubscription } from "../subscription/archive.ts";
import { resolveSubscription } from "../subscription/resolve.ts";
import type { Subscription } from "../subscription/subscription.ts";
import type { Background, Step, Task } from "./background.ts";
import type { Origin } from "./bus.ts";
import { asPulsebusError, type BusContext, stillOpen } from "./context.ts";
import { Expiries } from "./expiries.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { Ops } from "./ops.ts";
import { type PageRequest, pageOfNames } from "./paging.ts";
import type { Replays } from "./replays.ts";
import { checkFree, checkNotDeleting, checkRevision, checkSameIdentity, checkWritable } from "./subscription-checks.ts";
import { type EntryDefinition, type EntryEvents, SubscriptionEntry } from "./subscription-entry.ts";
import { type SubscriptionRecord, SubscriptionRecords } from "./subscription-records.ts";
import type { Topics } from "./topics.ts";

export class Subscriptions {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #ops: Ops;
  readonly #replays: Replays;
  readonly #background: Background;
  readonly #entries = new Map<string, SubscriptionEntry>();
  readonly #queue = new KeyedQueue();
  readonly #records: SubscriptionRecords;
  readonly #expiries: Expiries;
  readonly #events: EntryEvents;

  constructor(context: BusContext, topics: Topics, ops: Ops, replays: Replays, background: Background) {
    this.#context = context;
    this.#topics = topics;
    this.#ops = ops;
    this.#replays = replays;
    this.#background = background;
    this.#records = new SubscriptionRecords(context.store);
    this.#expiries = new Expiries(context.clock);
    this.#events = {
      onPause: (entry, reason) => this.#inBackground("pausing", this.pause(entry.id, reason)),
      onHealth: (entry, failing) => {
        const type = failing === undefined ? "subscription.recovered" : "subscription.failing";
        this.#inBackground("announcing", ops.say(type, entry.subscription, failing ?? "deliveries go through again"));
      },
    };
  }

  /**
   * Brings back what the store holds, applies the configuration, and takes all into service. Answers what has to be
   * confirmed for that. Throws for a configuration that can't be applied.
   */
  async load(configured: readonly Subscription[]): Promise<readonly Task[]> {
    const inFile = new Map(configured.map((subscription) => [subscription.id, subscription]));
    for (const { record, revision } of await this.#records.all()) await this.#restore(record, revision, inFile);
    for (const subscription of configured) await this.#apply(subscription);
    return [...this.#entries.values()].flatMap((entry) => {
      if (entry.state !== "deleting") return [this.#serve(entry)];
      this.#remove(entry, inFile.get(entry.id));
      return [];
    });
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
      checkFree(this.#entries.get(subscription.id));
      await this.#openTopics(subscription);
      const entry = await this.#add(subscription, "api");
      await this.#createGroup(entry);
      await this.#serve(entry).tried(BROKER_WAIT_MS_MAX);
      return entry;
    });
  }

  replace(id: string, input: unknown, revision: number | undefined): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.#changeable(id);
      checkWritable(entry);
      checkRevision(entry, revision);
      const subscription = await this.#resolve(input, () => id);
      checkSameIdentity(entry, subscription);
      await this.#openTopics(subscription);
      await this.#take(entry, subscription, entry.record.origin);
      await this.#serve(entry).tried(BROKER_WAIT_MS_MAX);
      return entry;
    });
  }

  delete(id: string, revision: number | undefined): Promise<void> {
    return this.#queue.run(id, async () => {
      const entry = this.get(id);
      if (entry.state !== "deleting") {
        if (!entry.detached) checkWritable(entry);
        checkRevision(entry, revision);
      }
      await this.#delete(entry);
    });
  }

  /** One of the bus's own, which nobody else changes: its task says when it is in service. */
  keepInternal(subscription: Subscription): Promise<SubscriptionEntry> {
    return this.#queue.run(subscription.id, async () => {
      const existing = this.#entries.get(subscription.id);
      if (existing !== undefined) {
        checkNotDeleting(existing);
        return existing;
      }
      const entry = await this.#add(subscription, "internal");
      this.#serve(entry);
      return entry;
    });
  }

  /** Deletes one of the bus's own, if it is there; `unavailable` as for every other. */
  dropInternal(id: string): Promise<void> {
    return this.#queue.run(id, async () => {
      const entry = this.#entries.get(id);
      if (entry !== undefined) await this.#delete(entry);
    });
  }

  pause(id: string, reason: string): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.#changeable(id);
      if (entry.record.paused !== undefined) return entry;
      await this.#records.change(entry, (record) => ({ ...record, paused: reason }));
      entry.pause();
      await this.#ops.say("subscription.paused", entry.subscription, reason);
      return entry;
    });
  }

  resume(id: string): Promise<SubscriptionEntry> {
    return this.#queue.run(id, async () => {
      const entry = this.#changeable(id);
      if (entry.record.paused === undefined) return entry;
      await this.#records.change(entry, ({ paused: _, ...record }) => record);
      entry.resume();
      await this.#ops.say("subscription.resumed", entry.subscription, "resumed");
      return entry;
    });
  }

  async stop(deadline: number): Promise<void> {
    this.#expiries.cancelAll();
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
    const { input, origin, state } = record;
    const subscription =
      origin === "internal" ? archiveSubscription(input.topic) : resolveSubscription(input, { id: () => input.id });
    const detached = state !== "deleting" && origin === "config" && !inFile.has(input.id);
    this.#open({ subscription, record, revision, detached, isRestored: true });
    if (detached)
      await this.#ops.say("subscription.detached", subscription, "it is no longer in the configuration file");
  }

  /** A subscription of the configuration file, which wins over one of the same id made through the API. */
  async #apply(subscription: Subscription): Promise<void> {
    const entry = this.#entries.get(subscription.id);
    if (entry === undefined) return void (await this.#add(subscription, "config"));
    if (entry.state === "deleting") return;
    checkSameIdentity(entry, subscription);
    const unchanged = JSON.stringify(entry.record.input) === JSON.stringify(subscription.input);
    if (entry.record.origin !== "config" || !unchanged) await this.#take(entry, subscription, "config");
  }

  #changeable(id: string): SubscriptionEntry {
    const entry = this.get(id);
    checkNotDeleting(entry);
    return entry;
  }

  /** Writes the intent to have it. */
  async #add(subscription: Subscription, origin: Origin): Promise<SubscriptionEntry> {
    if (this.#entries.size >= SUBSCRIPTIONS_MAX) {
      throw new PulsebusError("conflict", `there are ${SUBSCRIPTIONS_MAX} subscriptions, which is the most`);
    }
    const record: SubscriptionRecord = { input: subscription.input, origin, state: "provisioning" };
    await this.#records.put(record, 1);
    return this.#open({ subscription, record, revision: 1, detached: false, isRestored: false });
  }

  #open(definition: EntryDefinition): SubscriptionEntry {
    const entry = new SubscriptionEntry(this.#context, this.#topics, this.#events, definition);
    this.#entries.set(entry.id, entry);
    if (entry.state !== "deleting") this.#armExpiry(entry);
    return entry;
  }

  /** Waits until the transport has the group; else nothing of the subscription is left. */
  async #createGroup(entry: SubscriptionEntry): Promise<void> {
    const task = this.#repeat(entry, () => this.#ensureGroup(entry));
    const outcome = await task.outcome(BROKER_WAIT_MS_MAX);
    if (outcome === "confirmed") return;
    const { fault } = task;
    await this.#beginDeletion(entry);
    await entry.task?.tried(BROKER_GRACE_MS);
    if (outcome === "refused") throw asPulsebusError(fault);
    throw stillOpen(`subscription "${entry.id}" was not created`, fault?.message);
  }

  async #ensureGroup(entry: SubscriptionEntry): Promise<void> {
    if (entry.record.state !== "provisioning") return;
    const { transport, plan } = entry.topic.requireReady();
    entry.mayHaveGroup = true;
    await transport.createGroup(plan.address, entry.group, { at: entry.subscription.policy.from });
    await this.#records.change(entry, (record) =>
      record.state === "provisioning" ? { ...record, state: "ready" } : record,
    );
  }

  /** Takes it into service, or a new definition of it; what runs gets a moment to finish, the rest is parked. */
  #serve(entry: SubscriptionEntry): Task {
    return this.#repeat(entry, async (signal) => {
      await entry.stop(this.#context.clock.now() + REPLACE_GRACE_MS);
      await this.#ensureGroup(entry);
      await entry.start(signal);
    });
  }

  async #delete(entry: SubscriptionEntry): Promise<void> {
    if (entry.state !== "deleting") await this.#beginDeletion(entry);
    const outcome = await entry.task?.outcome(BROKER_WAIT_MS_MAX);
    if (outcome !== "confirmed") throw stillOpen(`subscription "${entry.id}" is being deleted`, entry.reason);
  }

  async #beginDeletion(entry: SubscriptionEntry): Promise<void> {
    await this.#records.change(entry, (record) => ({ ...record, state: "deleting" }));
    this.#expiries.cancel(entry.id);
    this.#remove(entry, undefined);
  }

  /** `again` is what the configuration says of the id. The topic may be gone by now. */
  #remove(entry: SubscriptionEntry, again: Subscription | undefined): void {
    this.#repeat(entry, async () => {
      await entry.stop(this.#context.clock.now());
      await this.#replays.removeAll(entry.id);
      const topic = this.#topics.get(entry.subscription.topic);
      if (entry.mayHaveGroup) await topic?.transport.deleteGroup(topic.plan.address, entry.group);
      await this.#records.delete(entry.id);
      this.#entries.delete(entry.id);
      if (again !== undefined) this.#serve(await this.#add(again, "config"));
    });
  }

  #repeat(entry: SubscriptionEntry, step: Step): Task {
    const transport = this.#topics.get(entry.subscription.topic)?.plan.transport ?? EMBEDDED;
    const task = this.#background.repeat(`subscription "${entry.id}"`, transport, step);
    entry.task = task;
    return task;
  }

  /** Stores a new definition; its first use is the next start. */
  async #take(entry: SubscriptionEntry, subscription: Subscription, origin: Origin): Promise<void> {
    entry.revision += 1;
    await this.#records.change(entry, (record) => ({ ...record, input: subscription.input, origin }));
    entry.subscription = subscription;
    entry.detached = false;
    this.#armExpiry(entry);
  }

  /** The topic to read, and the one to write for a topic sink, must be there; a publish could create them too. */
  async #openTopics(subscription: Subscription): Promise<void> {
    const { topic, sink, policy, replyTopic } = subscription;
    const { plan, transport } = await this.#topics.open(topic);
    const fault = orderingFault(subscription, plan, transport.capabilities, "");
    if (fault !== undefined) throw fault;
    if (replyTopic !== undefined) await this.#topics.open(replyTopic);
    for (const address of [sink, policy.deadLetterSink]) {
      if (address?.kind === "topic") await this.#topics.open(address.topic);
    }
  }

  #armExpiry({ id, subscription }: SubscriptionEntry): void {
    const expire = (): void => this.#inBackground("expiring", this.delete(id, undefined));
    this.#expiries.set(id, subscription.expiresAt, expire);
  }

  #inBackground(what: string, task: Promise<unknown>): void {
    task.catch((error: unknown) => this.#context.logger.error({ error: String(error) }, `${what} failed`));
  }
}
