/** The consuming side of the simulated transport. */
import type { OffsetTracker } from "../../../src/transport/offset-tracker.ts";
import {
  type Consumer,
  type ConsumerState,
  type Item,
  type Matcher,
  TransportError,
} from "../../../src/transport/port.ts";
import type { Circumstances } from "../circumstances.ts";
import type { Broker } from "./broker.ts";
import { Session } from "./session.ts";

export interface ConsumerSettings {
  readonly reorders: number;
  readonly keepsEachAck: boolean;
  readonly tracker: (next: bigint) => OffsetTracker;
}

interface Waiting {
  readonly max: number;
  readonly signal: AbortSignal;
  readonly resolve: (items: readonly Item[]) => void;
  readonly reject: (error: TransportError) => void;
}

export class SimulatedConsumer implements Consumer {
  readonly #broker: Broker;
  readonly #circumstances: Circumstances;
  readonly #settings: ConsumerSettings;
  readonly #address: string;
  readonly #group: string;
  readonly #matcher: Matcher;
  readonly #endWaking: () => void;
  #session: Session | undefined;
  #waiting: Waiting | undefined;
  #isLookPlanned = false;
  #isFlushPlanned = false;
  #isClosed = false;

  constructor(
    broker: Broker,
    circumstances: Circumstances,
    settings: ConsumerSettings,
    source: { readonly address: string; readonly group: string; readonly matcher: Matcher },
  ) {
    this.#broker = broker;
    this.#circumstances = circumstances;
    this.#settings = settings;
    this.#address = source.address;
    this.#group = source.group;
    this.#matcher = source.matcher;
    this.#endWaking = broker.onWake(() => this.#planLook());
  }

  get state(): ConsumerState {
    return { status: this.#isClosed ? "closed" : "receiving", error: undefined, skipped: 0 };
  }

  receive(max: number, signal: AbortSignal): Promise<readonly Item[]> {
    return new Promise((resolve, reject) => {
      if (!this.#circumstances.isAlive) return;
      if (this.#isClosed) return reject(closed());
      if (this.#waiting !== undefined) return reject(new TransportError("invalid", "One receive at a time"));
      if (signal.aborted) return resolve([]);
      const waiting: Waiting = { max, signal, resolve, reject };
      this.#waiting = waiting;
      signal.addEventListener("abort", () => this.#end(waiting, () => resolve([])), { once: true });
      if (this.#circumstances.strikes("session lost")) this.#dropSession();
      this.#planLook();
    });
  }

  settle(item: Item, how: "ack" | "release"): boolean {
    if (this.#session === undefined || !this.#circumstances.isAlive) return false;
    const isLost = how === "ack" && this.#circumstances.strikes("ack lost");
    const isTaken = isLost ? this.#session.loseAck(item) : this.#session.settle(item, how);
    this.#circumstances.say(`${how} ${item.position}${isLost ? ": lost" : ""}${isTaken ? "" : ": too late"}`);
    if (!isTaken) return false;
    this.#planFlush();
    this.#planLook();
    return true;
  }

  close(): Promise<void> {
    this.#endWaking();
    this.#isClosed = true;
    const waiting = this.#waiting;
    if (waiting !== undefined) this.#end(waiting, () => waiting.reject(closed()));
    return new Promise((resolve) => {
      this.#circumstances.after(this.#circumstances.latencyMs(), () => {
        this.#session?.commit();
        this.#leave();
        resolve();
      });
    });
  }

  /** Its process is dead. What was on its way to the broker arrives, or not. */
  cutOff(arrives: boolean): void {
    this.#endWaking();
    this.#isClosed = true;
    if (arrives) this.#session?.commit();
    this.#leave();
  }

  #leave(): void {
    const group = this.#broker.topics.get(this.#address)?.groups.get(this.#group);
    if (group?.owner === this) group.owner = undefined;
    this.#session = undefined;
    this.#broker.wake();
  }

  #end(waiting: Waiting, answer: () => void): void {
    if (this.#waiting !== waiting) return;
    this.#waiting = undefined;
    answer();
  }

  #planLook(): void {
    if (this.#isLookPlanned || this.#waiting === undefined) return;
    this.#isLookPlanned = true;
    this.#circumstances.after(this.#circumstances.latencyMs(), () => {
      this.#isLookPlanned = false;
      if (this.#waiting !== undefined) this.#look(this.#waiting);
    });
  }

  #look(waiting: Waiting): void {
    const session = this.#connect();
    if (session instanceof TransportError) this.#end(waiting, () => waiting.reject(session));
    else this.#lookInto(session, waiting);
  }

  #lookInto(session: Session, waiting: Waiting): void {
    const items = session.take(waiting.max);
    if (items.length === 0) {
      this.#planFlush(); // of what was passed over
      return;
    }
    this.#circumstances.say(`${this.#group} receives ${items.map(({ position }) => position).join(" ")}`);
    this.#end(waiting, () => waiting.resolve(items));
  }

  #connect(): Session | TransportError {
    const topic = this.#broker.topics.get(this.#address);
    const group = topic?.groups.get(this.#group);
    if (this.#session !== undefined && this.#session.group !== group) this.#session = undefined;
    if (topic === undefined || group === undefined) return new TransportError("not_found", "There is no such group");
    if (this.#circumstances.strikes("receive rejected")) return new TransportError("permission_denied", "Not now");
    group.owner ??= this;
    if (group.owner !== this) return new TransportError("fenced", "Another consumer owns the group");
    const { reorders, keepsEachAck, tracker } = this.#settings;
    this.#session ??= new Session({
      ...{ broker: this.#broker, topic, group, reorders, keepsEachAck },
      matcher: this.#matcher,
      tracker: tracker(group.floor),
      random: () => this.#circumstances.random(),
    });
    return this.#session;
  }

  #dropSession(): void {
    if (this.#session === undefined) return;
    this.#circumstances.say(`${this.#group} lost its session`);
    if (this.#circumstances.random() < 0.5) this.#session.commit();
    this.#session = undefined;
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#circumstances.after(this.#circumstances.latencyMs(), () => {
      this.#isFlushPlanned = false;
      this.#session?.commit();
    });
  }
}

function closed(): TransportError {
  return new TransportError("closed", "The consumer is closed");
}
