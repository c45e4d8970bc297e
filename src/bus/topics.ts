/**
 * The topics: durable resources, each bound to a transport and a native address.
 *
 * Creating and deleting write the intent first (`provisioning`, `deleting`), then ask the transport, then confirm; a
 * crash in between leaves the intent, and the next start carries it out. A topic's transport and address never change:
 * that would leave its subscriptions behind.
 */

import { capabilityFault } from "../config/capability-faults.ts";
import type { TopicPlan } from "../config/plan.ts";
import { resolveTopic } from "../config/topic.ts";
import { PulsebusError } from "../errors.ts";
import type { Event } from "../event/event.ts";
import type { Leniency } from "../event/leniency.ts";
import { PUBLISH_TIMEOUT_MS, TOPICS_MAX } from "../limits.ts";
import { joinPointer } from "../pointer.ts";
import type { Page } from "../store/port.ts";
import type { Publisher, PublishResult, Transport } from "../transport/port.ts";
import type { OpenTopic, Origin, TopicCounters, TopicView } from "./bus.ts";
import { asPulsebusError, type BusContext, transportOf } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { type PageRequest, pageOfNames } from "./paging.ts";

interface TopicRecord {
  readonly plan: TopicPlan;
  readonly origin: Origin;
  readonly state: "provisioning" | "ready" | "deleting";
}

/** A topic that is ready for use; also what the publish path holds. */
export class Topic implements OpenTopic {
  readonly plan: TopicPlan;
  readonly origin: Origin;
  readonly transport: Transport;
  readonly name: string;
  readonly strict: boolean;
  readonly dedupes: boolean;
  readonly counters: TopicCounters;
  readonly publisher: Publisher;
  readonly #now: () => number;

  constructor(
    record: Pick<TopicRecord, "plan" | "origin">,
    transport: Transport,
    { now, counters }: { readonly now: () => number; readonly counters: TopicCounters },
  ) {
    this.plan = record.plan;
    this.origin = record.origin;
    this.name = record.plan.name;
    this.strict = record.plan.settings.strict;
    this.dedupes = record.plan.settings.dedupe !== undefined;
    this.counters = counters;
    this.transport = transport;
    this.publisher = transport.publisher(record.plan.address);
    this.#now = now;
  }

  /** Reading an event of this topic needed a leniency. */
  tolerated(name: Leniency): void {
    const { leniencies } = this.counters;
    leniencies[name] = (leniencies[name] ?? 0) + 1;
  }

  publish(events: readonly Event[]): Promise<readonly PublishResult[]> {
    const results = this.publisher.publish(events, this.#now() + PUBLISH_TIMEOUT_MS);
    return this.dedupes ? results.then((all) => this.#countDuplicates(all)) : results;
  }

  #countDuplicates(results: readonly PublishResult[]): readonly PublishResult[] {
    for (const result of results) if (result.ok && result.duplicate) this.counters.duplicates += 1;
    return results;
  }

  place(): Promise<string> {
    const { place, address } = this.plan;
    return place === undefined ? this.transport.place(address) : Promise.resolve(place);
  }
}

export class Topics {
  readonly #context: BusContext;
  readonly #topics = new Map<string, Topic>();
  readonly #queue = new KeyedQueue();
  /** Publishes that wait for the same topic to be created. */
  readonly #creating = new Map<string, Promise<Topic>>();

  constructor(context: BusContext) {
    this.#context = context;
  }

  /** Brings back what the store holds, finishes what a crash cut off, and applies the configuration. */
  async load(configured: readonly TopicPlan[], internal: readonly TopicPlan[]): Promise<void> {
    for (const { name, json } of await this.#context.store.resources("topic")) {
      const record = JSON.parse(json) as TopicRecord;
      if (record.state === "deleting") await this.#remove(name, record);
      else await this.#provision(record, record.state === "provisioning");
    }
    for (const plan of internal) await this.#apply(plan, "internal");
    for (const plan of configured) await this.#apply(this.#feasible(plan, joinPointer("/topics", plan.name)), "config");
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  all(): ReadonlyMap<string, Topic> {
    return this.#topics;
  }

  /** The topic, created when the configuration says that a publish does that. */
  open(name: string): Topic | Promise<Topic> {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    if (this.#context.plan.topicCreation === "onPublish") return this.#createOnPublish(name);
    throw this.#unknown(name);
  }

  require(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw this.#unknown(name);
    return topic;
  }

  page(request: PageRequest): Page<Topic> {
    const { items, next } = pageOfNames(this.#topics.keys(), request);
    return { items: items.map((name) => this.require(name)), next };
  }

  async view(topic: Topic): Promise<TopicView> {
    return { plan: topic.plan, origin: topic.origin, stats: await topic.transport.topicStats(topic.plan.address) };
  }

  create(name: string, input: unknown): Promise<{ created: boolean; topic: Topic }> {
    const plan = this.#feasible(resolveTopic(name, input, this.#context.plan.topicDefaults), "");
    return this.#queue.run(name, async () => {
      const existing = this.#topics.get(name);
      if (existing === undefined) return { created: true, topic: await this.#create({ plan, origin: "api" }) };
      if (isPlainPut(input) || sameSettings(existing.plan, plan)) return { created: false, topic: existing };
      this.#refuseMove(existing, plan);
      if (existing.origin !== "api") throw readOnly(existing);
      return { created: false, topic: await this.#provision({ plan, origin: "api", state: "ready" }, true) };
    });
  }

  delete(name: string): Promise<void> {
    return this.#queue.run(name, async () => {
      const topic = this.require(name);
      if (topic.origin !== "api") throw readOnly(topic);
      this.#topics.delete(name);
      await this.#remove(name, { plan: topic.plan, origin: topic.origin, state: "deleting" });
    });
  }

  /** With the adapter's own settings as it has checked them. Throws when the transport can't do what the topic asks for. */
  #feasible(plan: TopicPlan, at: string): TopicPlan {
    const open = this.#context.transports.get(plan.transport);
    if (open === undefined) return plan;
    const fault = capabilityFault(plan, open.transport.capabilities, at);
    if (fault !== undefined) throw fault;
    return { ...plan, settings: { ...plan.settings, options: open.topicOptions(plan.settings.options) } };
  }

  #createOnPublish(name: string): Promise<Topic> {
    const underWay = this.#creating.get(name);
    if (underWay !== undefined) return underWay;
    const creating = this.create(name, undefined)
      .then(({ topic }) => topic)
      .finally(() => this.#creating.delete(name));
    this.#creating.set(name, creating);
    return creating;
  }

  async #apply(plan: TopicPlan, origin: Origin): Promise<void> {
    const existing = this.#topics.get(plan.name);
    if (existing === undefined) return void (await this.#create({ plan, origin }));
    this.#refuseMove(existing, plan);
    const unchanged = existing.origin === origin && sameSettings(existing.plan, plan);
    if (!unchanged) await this.#provision({ plan, origin, state: "ready" }, true);
  }

  async #create(record: Pick<TopicRecord, "plan" | "origin">): Promise<Topic> {
    if (this.#topics.size >= TOPICS_MAX) {
      throw new PulsebusError("conflict", `there are ${TOPICS_MAX} topics, which is the most: delete some first`);
    }
    await this.#save({ ...record, state: "provisioning" });
    return this.#provision({ ...record, state: "ready" }, true);
  }

  async #provision(record: TopicRecord, isNew: boolean): Promise<Topic> {
    const { plan } = record;
    const transport = transportOf(this.#context, plan.transport);
    const topic = new Topic(record, transport, {
      now: () => this.#context.clock.now(),
      counters: this.#topics.get(plan.name)?.counters ?? { published: 0, duplicates: 0, refused: {}, leniencies: {} },
    });
    try {
      await transport.provision(plan.address, plan.settings);
    } catch (error) {
      throw asPulsebusError(error);
    }
    if (isNew) await this.#save({ ...record, state: "ready" });
    this.#topics.set(plan.name, topic);
    return topic;
  }

  async #remove(name: string, record: TopicRecord): Promise<void> {
    await this.#save({ ...record, state: "deleting" });
    try {
      await transportOf(this.#context, record.plan.transport).deprovision(record.plan.address);
    } catch (error) {
      throw asPulsebusError(error);
    }
    await this.#context.store.deleteResource("topic", name);
  }

  #save(record: TopicRecord): Promise<void> {
    const { name } = record.plan;
    return this.#context.store.putResource("topic", { name, revision: 1, json: JSON.stringify(record) });
  }

  #refuseMove(existing: Topic, plan: TopicPlan): void {
    if (existing.plan.transport === plan.transport && existing.plan.address === plan.address) return;
    throw new PulsebusError(
      "conflict",
      `topic "${plan.name}" is bound to ${existing.plan.transport}:${existing.plan.address}, which can't be changed: ` +
        "create another topic and move its subscriptions",
    );
  }

  #unknown(name: string): PulsebusError {
    return new PulsebusError(
      "unknown-topic",
      `there is no topic "${name}": create it with PUT /topics/${name}, or name it in the configuration`,
    );
  }
}

/** `PUT` without a body says "be there" and nothing about settings. */
function isPlainPut(input: unknown): boolean {
  return input === undefined;
}

function sameSettings(a: TopicPlan, b: TopicPlan): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function readOnly(topic: Topic): PulsebusError {
  const owner = topic.origin === "config" ? "the configuration file" : "the bus itself";
  return new PulsebusError("read-only", `topic "${topic.name}" belongs to ${owner}: change it there`);
}
