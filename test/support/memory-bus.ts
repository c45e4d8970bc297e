/**
 * A bus that keeps everything in memory and delivers nothing, for tests of its edges: real validation and real paging,
 * rows and outcomes as a test plants them, and a switch for what a transport answers to a publish.
 */
import type {
  Bus,
  DeadLetterSelection,
  OpenTopic,
  RecentOutcome,
  ReplayRequest,
  ReplayView,
  SubscriptionSnapshot,
  SubscriptionStatus,
  SubscriptionView,
  TopicView,
  Trace,
  TransportView,
} from "../../src/bus/bus.ts";
import { pageOfNames } from "../../src/bus/paging.ts";
import type { Plan } from "../../src/config/plan.ts";
import { validateSubscriptionInput } from "../../src/config/schema.ts";
import { resolveTopic, TOPIC_DEFAULTS } from "../../src/config/topic.ts";
import { PulsebusError } from "../../src/errors.ts";
import type { Event } from "../../src/event/event.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type PullOutcome, PullSink } from "../../src/sink/pull.ts";
import type { DeliveryFilter, DeliveryRow, DeliveryRowWithHistory, Page } from "../../src/store/port.ts";
import { resolveSubscription } from "../../src/subscription/resolve.ts";
import { type Item, isMalformed, type PublishResult, type Start, type TopicPage } from "../../src/transport/port.ts";

interface PageRequest {
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** What the transport answers; `undefined` stores the events. */
type Storing = (events: readonly Event[]) => Promise<readonly PublishResult[]> | undefined;

interface MemoryTopic extends OpenTopic {
  readonly view: TopicView;
  readonly items: Item[];
}

const IDLE_STATUS: SubscriptionStatus = {
  state: "active",
  reason: undefined,
  backlog: 0,
  oldestAt: undefined,
  waiting: 0,
  inFlight: 0,
  parked: 0,
  scheduled: 0,
  breaker: "closed",
  deadLetters: 0,
  delivered: 0,
  attempts: 0,
  loopDropped: 0,
  skipped: 0,
  filterErrors: 0,
  lastFilterError: undefined,
  lastError: undefined,
  lastAttemptAt: undefined,
};

export class MemoryBus implements Bus {
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #subscriptions = new Map<string, SubscriptionView>();
  readonly #replays: ReplayView[] = [];
  readonly rows: DeliveryRowWithHistory[] = [];
  inFlight: readonly RecentOutcome[] = [];
  recent: readonly RecentOutcome[] = [];
  snapshots: readonly SubscriptionSnapshot[] = [];
  transportViews: readonly TransportView[] = [];
  /** What deliveries are fetched from, for all subscriptions. */
  readonly pull = new PullSink(30_000, systemClock);
  /** What `redrive` and `discard` were asked for. */
  readonly selections: DeadLetterSelection[] = [];
  topicCreation: Plan["topicCreation"] = "explicit";
  notReady: PulsebusError | undefined;
  storing: Storing = () => undefined;

  openTopic(name: string): OpenTopic | Promise<OpenTopic> {
    if (this.topicCreation === "explicit" || this.#topics.has(name)) return this.#topic(name);
    return this.createTopic(name, undefined).then(() => this.#topic(name));
  }

  async topics(page: PageRequest): Promise<Page<TopicView>> {
    return pageOf(this.#topics, page, ({ view }) => view);
  }

  async topic(name: string): Promise<TopicView> {
    return this.#topic(name).view;
  }

  async createTopic(name: string, input: unknown): Promise<{ readonly created: boolean; readonly topic: TopicView }> {
    const existing = this.#topics.get(name);
    if (existing !== undefined) return { created: false, topic: existing.view };
    const plan = resolveTopic(name, input, TOPIC_DEFAULTS);
    const stats = { events: 0, bytes: undefined, oldestAt: undefined, newestAt: undefined };
    const topic = this.#openTopic({ plan, origin: "api", state: "ready", reason: undefined, stats });
    this.#topics.set(name, topic);
    return { created: true, topic: topic.view };
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topic(name);
    const isUsed = [...this.#subscriptions.values()].some(({ subscription }) => subscription.topic === name);
    if (isUsed) throw new PulsebusError("conflict", `topic "${name}" has subscriptions`);
    this.#topics.delete(name);
  }

  async browse(topic: string, from: Start, limit: number): Promise<TopicPage> {
    const { items } = this.#topic(topic);
    const start = firstIndex(items, from);
    return { items: items.slice(start, start + limit), next: items[start + limit]?.position };
  }

  async trace(topic: string, { source, id }: { readonly source: string; readonly id: string }): Promise<Trace> {
    const occurrences = this.#topic(topic)
      .items.filter(({ event }) => !isMalformed(event) && event.source === source && event.id === id)
      .map((item) => ({ item, deliveries: [] }));
    return { occurrences, rows: [], complete: true };
  }

  async subscriptions(page: PageRequest & { readonly topic?: string }): Promise<Page<SubscriptionView>> {
    const ofTopic = [...this.#subscriptions].filter(
      ([, { subscription }]) => page.topic === undefined || subscription.topic === page.topic,
    );
    return pageOf(new Map(ofTopic), page, (view) => view);
  }

  async subscription(id: string): Promise<SubscriptionView> {
    const view = this.#subscriptions.get(id);
    if (view === undefined) throw new PulsebusError("unknown-subscription", `there is no subscription "${id}"`);
    return view;
  }

  async createSubscription(input: unknown): Promise<SubscriptionView> {
    const id = (): string => `made-${this.#subscriptions.size + 1}`;
    const subscription = resolveSubscription(validateSubscriptionInput(input), { id });
    return this.#put({ subscription, origin: "api", revision: 1, status: IDLE_STATUS });
  }

  async replaceSubscription(id: string, input: unknown, revision: number | undefined): Promise<SubscriptionView> {
    const before = await this.#checked(id, revision);
    const subscription = resolveSubscription(validateSubscriptionInput(input), { id: () => id });
    return this.#put({ ...before, subscription, revision: before.revision + 1 });
  }

  async deleteSubscription(id: string, revision: number | undefined): Promise<void> {
    await this.#checked(id, revision);
    this.#subscriptions.delete(id);
  }

  async pause(id: string, reason: string): Promise<SubscriptionView> {
    const view = await this.subscription(id);
    return this.#put({ ...view, status: { ...view.status, state: "paused", reason } });
  }

  async resume(id: string): Promise<SubscriptionView> {
    return this.#put({ ...(await this.subscription(id)), status: IDLE_STATUS });
  }

  async test(id: string): Promise<{ readonly outcome: string; readonly status: number; readonly detail: string }> {
    await this.subscription(id);
    return { outcome: "delivered", status: 204, detail: "" };
  }

  async deliveries(id: string, filter: DeliveryFilter, page: PageRequest) {
    const parked = await this.#rowsOf(id, "parked", filter, page);
    return { parked, inFlight: this.inFlight, recent: this.recent };
  }

  deadLetters(id: string, filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliveryRow>> {
    return this.#rowsOf(id, "dead", filter, page);
  }

  async delivery(id: string, deliveryId: string): Promise<DeliveryRowWithHistory> {
    const row = this.rows.find((candidate) => candidate.subscription === id && candidate.id === deliveryId);
    if (row === undefined) throw new PulsebusError("unknown-delivery", `there is no delivery "${deliveryId}"`);
    return row;
  }

  async redrive(id: string, selection: DeadLetterSelection): Promise<{ readonly count: number }> {
    await this.subscription(id);
    this.selections.push(selection);
    return { count: this.rows.length };
  }

  async receive(id: string, { max, waitMs }: { readonly max: number; readonly waitMs: number }, signal: AbortSignal) {
    await this.subscription(id);
    return this.pull.receive(max, waitMs, signal);
  }

  settlePulled(_id: string, locks: readonly string[], outcome: PullOutcome): void {
    if (locks.some((lock) => !this.pull.settle(lock, outcome))) throw new PulsebusError("lock-lost", "it is lost");
  }

  renewPulled(_id: string, locks: readonly string[]): readonly number[] {
    return locks.map((lock) => {
      const expiresAt = this.pull.renew(lock);
      if (expiresAt === undefined) throw new PulsebusError("lock-lost", "it is lost");
      return expiresAt;
    });
  }

  discard(id: string, selection: DeadLetterSelection): Promise<{ readonly count: number }> {
    return this.redrive(id, selection);
  }

  async startReplay(id: string, request: ReplayRequest): Promise<ReplayView> {
    await this.subscription(id);
    const begun = { state: "running", reason: undefined, scanned: 0, matched: 0, next: undefined } as const;
    const facts = { id: `replay-${this.#replays.length + 1}`, subscription: id, startedAt: 0, endedAt: undefined };
    this.#replays.push({ ...facts, request, ...begun });
    return this.replay(id, facts.id);
  }

  replays(id: string): readonly ReplayView[] {
    return this.#replays.filter(({ subscription }) => subscription === id).reverse();
  }

  replay(id: string, replay: string): ReplayView {
    const found = this.replays(id).find((candidate) => candidate.id === replay);
    if (found === undefined) throw new PulsebusError("not-found", `there is no replay "${replay}"`);
    return found;
  }

  async cancelReplay(id: string, replay: string): Promise<ReplayView> {
    const cancelled: ReplayView = { ...this.replay(id, replay), state: "cancelled", endedAt: 1 };
    this.#replays.splice(this.#replays.indexOf(this.replay(id, replay)), 1, cancelled);
    return cancelled;
  }

  async transports(): Promise<readonly TransportView[]> {
    return this.transportViews;
  }

  async ready(): Promise<void> {
    if (this.notReady !== undefined) throw this.notReady;
  }

  async snapshot(): Promise<readonly SubscriptionSnapshot[]> {
    return this.snapshots;
  }

  topicCounters(): Map<string, OpenTopic["counters"]> {
    return new Map([...this.#topics].map(([name, { counters }]) => [name, counters]));
  }

  /** The stored events of a topic. */
  stored(name: string): readonly Event[] {
    return this.#topic(name).items.flatMap(({ event }) => (isMalformed(event) ? [] : [event]));
  }

  #topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new PulsebusError("unknown-topic", `there is no topic "${name}"`);
    return topic;
  }

  #openTopic(view: TopicView): MemoryTopic {
    const items: Item[] = [];
    return {
      view,
      items,
      name: view.plan.name,
      strict: view.plan.settings.strict,
      dedupes: view.plan.settings.dedupe !== undefined,
      counters: { published: 0, duplicates: 0, refused: {}, leniencies: {} },
      publish: (events) => this.storing(events) ?? Promise.resolve(events.map((event) => store(items, event))),
    };
  }

  #put(view: SubscriptionView): SubscriptionView {
    this.#subscriptions.set(view.subscription.id, view);
    return view;
  }

  async #checked(id: string, revision: number | undefined): Promise<SubscriptionView> {
    const view = await this.subscription(id);
    if (revision === undefined || revision === view.revision) return view;
    throw new PulsebusError("precondition-failed", `subscription "${id}" has revision ${view.revision}`);
  }

  async #rowsOf(
    id: string,
    state: DeliveryRow["state"],
    filter: DeliveryFilter,
    page: PageRequest,
  ): Promise<Page<DeliveryRow>> {
    await this.subscription(id);
    const rows = this.rows.filter((row) => row.subscription === id && row.state === state && matches(row, filter));
    return pageOf(new Map(rows.map((row) => [row.id, row])), page, (row) => row);
  }
}

function pageOf<From, To>(resources: ReadonlyMap<string, From>, page: PageRequest, view: (from: From) => To): Page<To> {
  const { items, next } = pageOfNames(resources.keys(), page);
  return {
    items: items.flatMap((name) => [...resources].filter(([key]) => key === name).map(([, r]) => view(r))),
    next,
  };
}

function matches({ event, reason }: DeliveryRow, filter: DeliveryFilter): boolean {
  const isOfType = filter.type === undefined || (!isMalformed(event) && event.type === filter.type);
  return isOfType && (filter.reason === undefined || reason === filter.reason);
}

function store(items: Item[], event: Event): PublishResult {
  const position = String(items.length + 1).padStart(6, "0");
  const storedAt = Date.UTC(2026, 0, 1, 0, 0, items.length);
  items.push({ event, position, redelivered: false, deliveries: undefined, storedAt, key: undefined });
  return { ok: true, position };
}

function firstIndex(items: readonly Item[], from: Start): number {
  const isAfter = ({ position, storedAt = 0 }: Item): boolean => {
    if (from.at === "time") return storedAt >= from.time.getTime();
    return from.at === "position" ? position >= from.position : from.at === "earliest";
  };
  const index = items.findIndex(isAfter);
  return index === -1 ? items.length : index;
}
