/** One topic while the bus runs; what the publish path holds of it. */
import type { TopicPlan } from "../config/plan.ts";
import { PulsebusError } from "../errors.ts";
import type { Event } from "../event/event.ts";
import type { Leniency } from "../event/leniency.ts";
import { PUBLISH_TIMEOUT_MS } from "../limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Publisher, type PublishResult, type Transport, TransportError } from "../transport/port.ts";
import type { Task } from "./background.ts";
import type { OpenTopic, Origin, TopicCounters, TopicState, TopicView } from "./bus.ts";
import type { ReplaySource } from "./replay-range.ts";
import { toldInTime } from "./transport-stats.ts";

/** What the store keeps of a topic. */
export interface TopicRecord {
  readonly plan: TopicPlan;
  readonly origin: Origin;
  readonly state: TopicState;
}

interface TopicContext {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Of the topic that this one takes the place of. */
  readonly counters: TopicCounters;
}

const UNKNOWN_STATS = { events: undefined, bytes: undefined, oldestAt: undefined, newestAt: undefined };

export class Topic implements OpenTopic {
  readonly plan: TopicPlan;
  readonly origin: Origin;
  readonly transport: Transport;
  readonly name: string;
  readonly strict: boolean;
  readonly dedupes: boolean;
  readonly counters: TopicCounters;
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  /** `ready` only after this process has seen it confirmed by the transport. */
  state: TopicState = "provisioning";
  /** What the store says. */
  recorded: TopicState | undefined;
  /** What the transport has to confirm, or had to. */
  task: Task | undefined;

  constructor(record: Pick<TopicRecord, "plan" | "origin">, { transport, clock, counters }: TopicContext) {
    this.plan = record.plan;
    this.origin = record.origin;
    this.name = record.plan.name;
    this.strict = record.plan.settings.strict;
    this.dedupes = record.plan.settings.dedupe !== undefined;
    this.counters = counters;
    this.transport = transport;
    this.#publisher = transport.publisher(record.plan.address);
    this.#clock = clock;
  }

  /** Where what was published can be read again. */
  get replaySource(): ReplaySource {
    const { transport, plan } = this;
    return { transport, name: plan.transport, address: plan.address };
  }

  /** Why it is not ready. */
  get reason(): string | undefined {
    return this.state === "ready" ? undefined : this.task?.fault?.message;
  }

  /** Reading an event of this topic needed a leniency. */
  tolerated(name: Leniency): void {
    const { leniencies } = this.counters;
    leniencies[name] = (leniencies[name] ?? 0) + 1;
  }

  publish(events: readonly Event[]): Promise<readonly PublishResult[]> {
    if (this.state !== "ready") return Promise.resolve(events.map(() => this.#refusal()));
    const results = this.#publisher.publish(events, this.#clock.now() + PUBLISH_TIMEOUT_MS);
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

  /** Itself. Throws `unavailable` until the transport has confirmed it. */
  requireReady(): Topic {
    if (this.state === "ready") return this;
    throw new PulsebusError("unavailable", this.#notReady);
  }

  async view(): Promise<TopicView> {
    const { plan, origin, state, reason } = this;
    return { plan, origin, state, reason, stats: await this.#stats() };
  }

  async #stats() {
    if (this.state !== "ready") return UNKNOWN_STATS;
    return toldInTime(this.#clock, this.transport.topicStats(this.plan.address), UNKNOWN_STATS);
  }

  get #notReady(): string {
    return `topic "${this.name}" is ${this.state}${this.reason === undefined ? "" : `: ${this.reason}`}`;
  }

  #refusal(): PublishResult {
    const code = this.state === "deleting" ? "not_found" : "unavailable";
    return { ok: false, stored: "no", error: new TransportError(code, this.#notReady) };
  }
}
