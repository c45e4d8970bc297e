/**
 * The topics: durable resources, each bound to a transport and a native address.
 *
 *   provisioning ── the transport has it ──▶ ready ── delete ──▶ deleting ── the transport has it no more ──▶ (gone)
 *         └───────────────────────────────── delete ────────────────▲
 *
 * Creating and deleting write the intent first (`provisioning`, `deleting`), and ask the transport in the background
 * until it confirms; whoever asked waits for that for a while. A crash leaves the intent, and the next start carries it
 * out. What a start finds as `ready` is provisioned again, since its settings may have changed. A topic's transport and
 * address never change: that would leave its subscriptions behind.
 */
import { capabilityFault } from "../config/capability-faults.ts";
import type { TopicPlan } from "../config/plan.ts";
import { resolveTopic } from "../config/topic.ts";
import { PulsebusError } from "../errors.ts";
import { BROKER_WAIT_MS_MAX, TOPICS_MAX } from "../limits.ts";
import { joinPointer } from "../pointer.ts";
import type { Page } from "../store/port.ts";
import type { Background, Task } from "./background.ts";
import type { TopicState } from "./bus.ts";
import { asPulsebusError, type BusContext, stillOpen, transportOf } from "./context.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { type PageRequest, pageOfNames } from "./paging.ts";
import { Topic, type TopicRecord } from "./topic.ts";

type Definition = Pick<TopicRecord, "plan" | "origin">;

export class Topics {
  readonly #context: BusContext;
  readonly #background: Background;
  readonly #topics = new Map<string, Topic>();
  readonly #queue = new KeyedQueue();
  /** Publishes that wait for the same topic to be created. */
  readonly #creating = new Map<string, Promise<Topic>>();

  constructor(context: BusContext, background: Background) {
    this.#context = context;
    this.#background = background;
  }

  /**
   * Brings back what the store holds and applies the configuration. Answers what transports have to confirm. Throws for
   * a configuration that can't be applied.
   */
  async load(configured: readonly TopicPlan[], internal: readonly TopicPlan[]): Promise<readonly Task[]> {
    const wanted = new Map<string, Definition>();
    for (const plan of internal) wanted.set(plan.name, { plan, origin: "internal" });
    for (const plan of configured) {
      const feasible = this.#feasible(plan, joinPointer("/topics", plan.name));
      wanted.set(plan.name, { plan: feasible, origin: "config" });
    }
    for (const { name, json } of await this.#context.store.resources("topic")) {
      const stored = JSON.parse(json) as TopicRecord;
      await this.#restore(stored, wanted.get(name));
    }
    for (const [name, definition] of wanted) if (!this.#topics.has(name)) await this.#add(definition);
    return [...this.#topics.values()].flatMap((topic) => this.#resume(topic, wanted.get(topic.name)));
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  all(): ReadonlyMap<string, Topic> {
    return this.#topics;
  }

  /** The topic, created when the configuration says that a publish does that. Throws for one that is being deleted. */
  open(name: string): Topic | Promise<Topic> {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return refuseDeleting(topic);
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

  create(name: string, input: unknown): Promise<{ created: boolean; topic: Topic }> {
    const plan = this.#feasible(resolveTopic(name, input, this.#context.plan.topicDefaults), "");
    return this.#queue.run(name, async () => {
      const existing = this.#topics.get(name);
      if (existing === undefined) return { created: true, topic: await this.#create({ plan, origin: "api" }) };
      refuseDeleting(existing);
      if (isPlainPut(input) || sameSettings(existing.plan, plan)) {
        if (existing.state !== "ready") await this.#confirm(existing);
        return { created: false, topic: existing };
      }
      refuseMove(existing.plan, plan);
      if (existing.origin !== "api") throw readOnly(existing);
      return { created: false, topic: await this.#change(existing, { plan, origin: "api" }) };
    });
  }

  /** One of the bus's own, which nobody else changes: it is there soon, with these settings. */
  keepInternal(plan: TopicPlan): Promise<Topic> {
    return this.#queue.run(plan.name, async () => {
      const existing = this.#topics.get(plan.name);
      if (existing !== undefined && sameSettings(refuseDeleting(existing).plan, plan)) return existing;
      const topic = await this.#add({ plan, origin: "internal" });
      this.#provision(topic);
      return topic;
    });
  }

  /** Begins to delete one of the bus's own, if it is there. */
  dropInternal(name: string): Promise<void> {
    return this.#queue.run(name, async () => {
      const topic = this.#topics.get(name);
      if (topic !== undefined && topic.state !== "deleting") await this.#intendDeletion(topic);
    });
  }

  /** Throws `unknown-topic`, or `read-only` for one that the API may not delete. */
  requireDeletable(name: string): Topic {
    const topic = this.require(name);
    if (topic.origin !== "api") throw readOnly(topic);
    return topic;
  }

  delete(name: string): Promise<void> {
    return this.#queue.run(name, async () => {
      const topic = this.requireDeletable(name);
      if (topic.state !== "deleting") await this.#intendDeletion(topic);
      const outcome = await topic.task?.outcome(BROKER_WAIT_MS_MAX);
      if (outcome !== "confirmed") throw stillOpen(`topic "${name}" is being deleted`, topic.reason);
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

  async #create(definition: Definition): Promise<Topic> {
    const topic = await this.#add(definition);
    const task = this.#provision(topic);
    const outcome = await task.outcome(BROKER_WAIT_MS_MAX);
    if (outcome === "open") throw stillOpen(`topic "${topic.name}" is being created`, topic.reason);
    if (outcome === "confirmed") return topic;
    const { fault } = task;
    await this.#forget(topic);
    throw asPulsebusError(fault);
  }

  /** New settings for one that is ready are taken only when the transport takes them; else it would be ready no more. */
  async #change(existing: Topic, definition: Definition): Promise<Topic> {
    if (existing.state !== "ready") {
      const topic = await this.#add(definition);
      this.#provision(topic);
      await this.#confirm(topic);
      return topic;
    }
    const topic = this.#topicOf(definition);
    try {
      await topic.transport.provision(topic.plan.address, topic.plan.settings);
    } catch (error) {
      throw asPulsebusError(error);
    }
    await this.#save(topic, "ready");
    topic.state = "ready";
    this.#topics.set(topic.name, topic);
    return topic;
  }

  /** Waits until the transport has the topic. What has not come to pass by then goes on in the background. */
  async #confirm(topic: Topic): Promise<void> {
    const outcome = await topic.task?.outcome(BROKER_WAIT_MS_MAX);
    if (outcome === "refused") throw asPulsebusError(topic.task?.fault);
    if (outcome === "open") throw stillOpen(`topic "${topic.name}" is being created`, topic.reason);
  }

  async #restore(stored: TopicRecord, wanted: Definition | undefined): Promise<void> {
    const isDeleting = stored.state === "deleting";
    if (!isDeleting && wanted !== undefined) {
      refuseMove(stored.plan, wanted.plan);
      if (stored.origin !== wanted.origin || !sameSettings(stored.plan, wanted.plan))
        return void (await this.#add(wanted));
    }
    const topic = this.#topicOf(stored);
    topic.recorded = stored.state;
    if (isDeleting) topic.state = "deleting";
    this.#topics.set(topic.name, topic);
  }

  /** Goes on with what the last process left; `again` is what the configuration says of the name. */
  #resume(topic: Topic, again: Definition | undefined): Task[] {
    if (topic.state !== "deleting") return [this.#provision(topic)];
    this.#remove(topic, again);
    return [];
  }

  /** Writes the intent to have it, in place of one of its name. */
  async #add(definition: Definition): Promise<Topic> {
    const { name } = definition.plan;
    const before = this.#topics.get(name);
    if (before === undefined && this.#topics.size >= TOPICS_MAX) {
      throw new PulsebusError("conflict", `there are ${TOPICS_MAX} topics, which is the most: delete some first`);
    }
    before?.task?.end();
    const topic = this.#topicOf(definition);
    await this.#save(topic, "provisioning");
    this.#topics.set(name, topic);
    return topic;
  }

  #provision(topic: Topic): Task {
    const { plan, transport } = topic;
    const task = this.#background.repeat(taskName(topic), plan.transport, async (signal) => {
      await transport.provision(plan.address, plan.settings);
      signal.throwIfAborted();
      if (topic.recorded !== "ready") await this.#save(topic, "ready");
      if (!signal.aborted) topic.state = "ready";
    });
    topic.task = task;
    return task;
  }

  /** The transport refused it, so there is nothing to delete there; an address of that name may be somebody else's. */
  async #forget(topic: Topic): Promise<void> {
    topic.task?.end();
    await this.#context.store.deleteResource("topic", topic.name);
    this.#topics.delete(topic.name);
  }

  async #intendDeletion(topic: Topic): Promise<void> {
    const before = topic.state;
    topic.task?.end();
    topic.state = "deleting";
    try {
      await this.#save(topic, "deleting");
    } catch (error) {
      topic.state = before;
      if (before === "provisioning") this.#provision(topic);
      throw error;
    }
    this.#remove(topic, undefined);
  }

  #remove(topic: Topic, again: Definition | undefined): void {
    topic.task = this.#background.repeat(taskName(topic), topic.plan.transport, async () => {
      await topic.transport.deprovision(topic.plan.address);
      await this.#context.store.deleteResource("topic", topic.name);
      this.#topics.delete(topic.name);
      if (again !== undefined) this.#provision(await this.#add(again));
    });
  }

  #topicOf(definition: Definition): Topic {
    const { name, transport } = definition.plan;
    const { clock } = this.#context;
    const counters = this.#topics.get(name)?.counters ?? { published: 0, duplicates: 0, refused: {}, leniencies: {} };
    return new Topic(definition, { transport: transportOf(this.#context, transport), clock, counters });
  }

  async #save(topic: Topic, state: TopicState): Promise<void> {
    const { name, plan, origin } = topic;
    const record: TopicRecord = { plan, origin, state };
    await this.#context.store.putResource("topic", { name, revision: 1, json: JSON.stringify(record) });
    topic.recorded = state;
  }

  #unknown(name: string): PulsebusError {
    return new PulsebusError(
      "unknown-topic",
      `there is no topic "${name}": create it with PUT /topics/${name}, or name it in the configuration`,
    );
  }
}

function taskName({ name }: Topic): string {
  return `topic "${name}"`;
}

/** `PUT` without a body says "be there" and nothing about settings. */
function isPlainPut(input: unknown): boolean {
  return input === undefined;
}

function sameSettings(a: TopicPlan, b: TopicPlan): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function refuseMove(existing: TopicPlan, plan: TopicPlan): void {
  if (existing.transport === plan.transport && existing.address === plan.address) return;
  throw new PulsebusError(
    "conflict",
    `topic "${plan.name}" is bound to ${existing.transport}:${existing.address}, which can't be changed: ` +
      "create another topic and move its subscriptions",
  );
}

/** The topic, unless it is about to go: its name is free again only when the transport has confirmed that. */
function refuseDeleting(topic: Topic): Topic {
  if (topic.state !== "deleting") return topic;
  throw new PulsebusError("conflict", `topic "${topic.name}" is being deleted: ${topic.reason}`);
}

function readOnly(topic: Topic): PulsebusError {
  const owner = topic.origin === "config" ? "the configuration file" : "the bus itself";
  return new PulsebusError("read-only", `topic "${topic.name}" belongs to ${owner}: change it there`);
}
