/**
 * On each broker a subscription that is paused in the middle of its backlog, one that is limited to an event a second, and
 * one whose sink takes a second for each, for as long as is wanted; then all go on at full speed. Meanwhile the broker must not deliver anything a second time,
 * which is watched where it can't be hidden: on the wire between broker and bus.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { DeliveryInput } from "../../../src/subscription/subscription.ts";
import { showSubscription, subscribe } from "../../support/api.ts";
import type { BrokerName } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { call, publish } from "../../support/http.ts";
import { startPulsebus } from "../../support/pulsebus.ts";
import { BROKERS, openBehind, writeConfiguration } from "../brokers.ts";
import { PacedSink } from "./sink.ts";
import { markOf, Tap } from "./tap.ts";

export interface PauseOptions {
  readonly seconds: number;
  readonly onRow: (row: PauseRow) => void;
}

type Kind = "paused" | "limited" | "slow";

export interface PauseRow {
  readonly broker: BrokerName;
  readonly subscription: Kind;
  readonly published: number;
  /** Of these, seen on the wire at least once: what the tap can tell anything about. */
  readonly watched: number;
  /** Delivered to the sink during the time. */
  readonly meanwhile: number;
  /** Events that the broker sent again during the time. */
  readonly redelivered: number;
  /** Events that it sent again after the resume: those that were handed back while nobody wanted them. */
  readonly handedBack: number;
  readonly lost: number;
  /** Second arrivals at the sink, and arrivals that were no first attempts. */
  readonly duplicates: number;
}

/** Of the paused subscription: more than a consumer of any adapter reads ahead. */
const BACKLOG = 1_200;
/** More than arrive within the time, with a pace of one a second. */
const SLOW_BACKLOG_FACTOR = 2;
const BEFORE_PAUSE = 20;
const PUBLISHERS = 8;
const CATCH_UP_MS_MAX = 120_000;

/** How each kind begins: `paceMs` is what its sink takes for an event. */
const KINDS: Readonly<Record<Kind, { readonly paceMs: number; readonly delivery: DeliveryInput }>> = {
  paused: { paceMs: 20, delivery: { maxInFlight: 1 } },
  limited: { paceMs: 0, delivery: { rateLimit: { perSecond: 1, burst: 1 } } },
  slow: { paceMs: 1_000, delivery: { maxInFlight: 1 } },
};

export async function runPause({ seconds, onRow }: PauseOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const taps = new Map<BrokerName, Tap>();
  const addresses = new Map<BrokerName, string>();
  await Promise.all(
    BROKERS.map(async (name) => {
      const { way, address } = await openBehind(name, Tap.open, stack);
      taps.set(name, way);
      addresses.set(name, address);
    }),
  );
  const topics = BROKERS.flatMap((transport) =>
    Object.keys(KINDS).map((kind) => [`${kind}-${transport}`, { transport }]),
  );
  const configuration = await writeConfiguration(addresses, Object.fromEntries(topics), stack);
  const bus = stack.use(await startPulsebus({ args: ["--config", configuration] }));
  await eventually(() => call(bus.url, "GET", "/readyz"), CATCH_UP_MS_MAX);
  const scenes = [...taps].flatMap(([name, tap]) => [
    new Scene(bus.url, name, tap, "paused", BACKLOG),
    new Scene(bus.url, name, tap, "limited", SLOW_BACKLOG_FACTOR * seconds),
    new Scene(bus.url, name, tap, "slow", SLOW_BACKLOG_FACTOR * seconds),
  ]);
  // Those that are delivered from the start on come last, or little would be left of them.
  for (const scene of scenes.filter(({ kind }) => kind === "paused")) await scene.prepare(stack);
  await Promise.all(scenes.filter(({ kind }) => kind !== "paused").map((scene) => scene.prepare(stack)));
  await Promise.all(scenes.map((scene) => scene.begin()));
  await sleep(seconds * 1_000);
  await Promise.all(scenes.map(async (scene) => onRow(await scene.end())));
}

/** One subscription on one broker. */
class Scene {
  readonly #url: string;
  readonly #broker: BrokerName;
  readonly #tap: Tap;
  readonly kind: Kind;
  readonly #name: string;
  readonly #ids: readonly string[];
  readonly #sink: PacedSink;
  #sinkUrl = "";
  #sentBefore: readonly number[] = [];
  #arrivedBefore = 0;

  constructor(url: string, broker: BrokerName, tap: Tap, kind: Kind, backlog: number) {
    this.#url = url;
    this.#broker = broker;
    this.#tap = tap;
    this.kind = kind;
    this.#name = `${kind}-${broker}`;
    this.#ids = Array.from({ length: backlog }, (_, number) => `${this.#name}-${number}`);
    this.#sink = new PacedSink(KINDS[kind].paceMs);
  }

  async prepare(stack: AsyncDisposableStack): Promise<void> {
    this.#sinkUrl = await this.#sink.open(stack);
    const { delivery } = KINDS[this.kind];
    await subscribe(this.#url, { id: this.#name, topic: this.#name, sink: this.#sinkUrl, delivery });
    const ids = this.#ids.values();
    const publishSome = async (): Promise<void> => {
      for (const id of ids) {
        const { status, body } = await publish(this.#url, this.#name, { id, data: markOf(id) });
        if (status !== 202) throw new Error(`${id} was answered ${status}: ${body}`);
      }
    };
    await Promise.all(Array.from({ length: PUBLISHERS }, publishSome));
  }

  /** The time begins. */
  async begin(): Promise<void> {
    if (this.kind === "paused") await this.#pause();
    this.#arrivedBefore = this.#sink.arrived;
    this.#sentBefore = this.kind === "paused" ? this.#sent() : this.#ids.map(() => 1);
  }

  /** The time is over; what is still owed comes at full speed. */
  async end(): Promise<PauseRow> {
    const sent = this.#sent();
    const meanwhile = this.#sink.arrived - this.#arrivedBefore;
    await this.#letGo();
    await eventually(() => {
      if (this.#sink.arrived < this.#ids.length) throw new Error("events are owed");
    }, CATCH_UP_MS_MAX).catch(() => {});
    const atLast = this.#sent();
    return {
      ...{ broker: this.#broker, subscription: this.kind, published: this.#ids.length, meanwhile },
      watched: atLast.filter((count) => count > 0).length,
      // The first time is no second one, and what was sent twice before the time began is not of it.
      redelivered: sent.filter((count, at) => count > Math.max(1, this.#sentBefore[at] ?? 0)).length,
      handedBack: atLast.filter((count, at) => count > Math.max(1, sent[at] ?? 0)).length,
      lost: this.#ids.length - this.#sink.arrived,
      duplicates: this.#sink.duplicates + this.#sink.repeated,
    };
  }

  async #pause(): Promise<void> {
    await eventually(() => {
      if (this.#sink.arrived < BEFORE_PAUSE) throw new Error("the backlog is not begun");
    }, CATCH_UP_MS_MAX);
    await call(this.#url, "POST", `/subscriptions/${this.#name}/pause`);
    await eventually(async () => {
      const { status } = await showSubscription(this.#url, this.#name);
      if (status.inFlight > 0) throw new Error("attempts are running");
    });
  }

  async #letGo(): Promise<void> {
    this.#sink.paceMs = 0;
    const path = `/subscriptions/${this.#name}`;
    if (this.kind === "paused") await call(this.#url, "POST", `${path}/resume`);
    if (this.kind === "limited") await call(this.#url, "PUT", path, { topic: this.#name, sink: this.#sinkUrl });
  }

  #sent(): readonly number[] {
    return this.#ids.map((id) => this.#tap.count(id));
  }
}
