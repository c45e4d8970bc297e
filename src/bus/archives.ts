/**
 * Archives: of a topic whose transport can't be read again the bus keeps a copy, in a topic of the embedded log that a
 * subscription of its own fills. Both are named `pulsebus.archive.NAME`, shown like everything else, and changed by
 * nobody but the bus. That a topic has one stands in the topic's own plan; whatever a crash left between that and what
 * is there, the next start puts right.
 *
 * Made after its topic and removed before it: the subscription's group must not be left behind on the broker.
 */
import type { Plan, TopicPlan } from "../config/plan.ts";
import { EMBEDDED } from "../config/transports.ts";
import { BROKER_WAIT_MS_MAX } from "../limits.ts";
import { archiveSubscription } from "../subscription/archive.ts";
import { archiveOf, isArchive } from "../subscription/names.ts";
import type { Task } from "./background.ts";
import { type BusContext, stillOpen } from "./context.ts";
import type { SubscriptionEntry } from "./subscription-entry.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Topic } from "./topic.ts";
import type { Topics } from "./topics.ts";

export class Archives {
  readonly #context: BusContext;
  readonly #topics: Topics;
  readonly #subscriptions: Subscriptions;

  constructor(context: BusContext, topics: Topics, subscriptions: Subscriptions) {
    this.#context = context;
    this.#topics = topics;
    this.#subscriptions = subscriptions;
  }

  /** Once all topics are loaded: those of the archives. Answers what has to be confirmed. */
  async loadTopics(): Promise<readonly Task[]> {
    const archived = this.#archived();
    const wanted = new Set(archived.map(({ name }) => archiveOf(name)));
    for (const name of this.#topics.all().keys()) {
      if (isArchive(name) && !wanted.has(name)) await this.#topics.dropInternal(name);
    }
    const topics = await Promise.all(archived.map(({ plan }) => this.#keepTopic(plan)));
    return tasksOf(topics);
  }

  /** Once all subscriptions are loaded: those that fill the archives. Answers what has to be confirmed. */
  async loadSubscriptions(): Promise<readonly Task[]> {
    const archived = this.#archived();
    const wanted = new Set(archived.map(({ name }) => archiveOf(name)));
    // One that is being deleted was given up together with its topic, and that is still to come.
    const leaving = [...this.#subscriptions.all()].filter(({ id, state }) => isArchive(id) && state === "deleting");
    const gone = new Set(leaving.map(({ id }) => id));
    for (const { id } of this.#subscriptions.all()) if (isArchive(id) && !wanted.has(id)) this.#dropLater(id);
    const kept = archived.filter(({ name }) => !gone.has(archiveOf(name)));
    const entries = kept.map(({ name }) => this.#subscriptions.keepInternal(archiveSubscription(name)));
    return tasksOf(await Promise.all(entries));
  }

  /** After a topic was created or changed: resolves once nothing published from now on is missed. */
  async follow(topic: Topic): Promise<void> {
    if (topic.plan.archive !== true) {
      await this.drop(topic.name);
      return this.dropTopic(topic.name);
    }
    const task = (await this.#keep(topic)).task;
    const outcome = await task?.outcome(BROKER_WAIT_MS_MAX);
    if (outcome === "confirmed") return;
    throw stillOpen(`the archive of topic "${topic.name}" is being created`, task?.fault?.message);
  }

  /** The same for one whose transport has not confirmed it: nobody waits. */
  followLater(topic: Topic | undefined): void {
    if (topic?.plan.archive !== true) return;
    this.#keep(topic).catch((error: unknown) => this.#logFailure(archiveOf(topic.name), error));
  }

  /** Before its topic is deleted: nothing of it is left on the broker. */
  drop(topic: string): Promise<void> {
    return this.#subscriptions.dropInternal(archiveOf(topic));
  }

  /** What was archived goes too. */
  dropTopic(topic: string): Promise<void> {
    return this.#topics.dropInternal(archiveOf(topic));
  }

  #archived(): Topic[] {
    return [...this.#topics.all().values()].filter(({ plan, state }) => plan.archive === true && state !== "deleting");
  }

  async #keep({ name, plan }: Topic): Promise<SubscriptionEntry> {
    await this.#keepTopic(plan);
    return this.#subscriptions.keepInternal(archiveSubscription(name));
  }

  #keepTopic(plan: TopicPlan): Promise<Topic> {
    return this.#topics.keepInternal(archiveTopicPlan(plan, this.#context.plan.topicDefaults));
  }

  #dropLater(id: string): void {
    this.#subscriptions.dropInternal(id).catch((error: unknown) => this.#logFailure(id, error));
  }

  #logFailure(archive: string, error: unknown): void {
    this.#context.logger.warn({ archive, error: String(error) }, "an archive is not as it should be yet");
  }
}

function archiveTopicPlan({ name, settings }: TopicPlan, defaults: Plan["topicDefaults"]): TopicPlan {
  return {
    name: archiveOf(name),
    address: archiveOf(name),
    transport: EMBEDDED,
    place: undefined,
    settings: { ...defaults.settings, strict: false, retention: settings.retention, whenFull: "dropOldest" },
  };
}

function tasksOf(resources: readonly { readonly task: Task | undefined }[]): Task[] {
  return resources.flatMap(({ task }) => (task === undefined ? [] : [task]));
}
