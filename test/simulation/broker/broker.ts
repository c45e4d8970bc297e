/**
 * The message system behind the simulated transport: logs with groups. It is the part that survives every crash, and
 * what it holds is the truth that a run is judged by: what was stored, what was handed out, what counts as settled.
 */
import type { Event } from "../../../src/event/event.ts";
import type { Malformed } from "../../../src/transport/port.ts";

export interface StoredEvent {
  readonly number: bigint;
  readonly position: string;
  readonly event: Event | Malformed;
  readonly storedAt: number;
}

/** How far a group is. */
export class Group {
  readonly name: string;
  readonly address: string;
  /** Where it began. */
  readonly start: bigint;
  /** Everything below is settled. */
  floor: bigint;
  /** Settled above the floor. */
  acked: ReadonlySet<bigint> = new Set();
  /** How often each event was handed out. */
  readonly deliveries = new Map<bigint, number>();
  /** The consumer that owns it. */
  owner: object | undefined;

  constructor(name: string, address: string, start: bigint) {
    this.name = name;
    this.address = address;
    this.start = start;
    this.floor = start;
  }

  isSettled(number: bigint): boolean {
    return number < this.floor || this.acked.has(number);
  }
}

export class Topic {
  readonly address: string;
  readonly generation: number;
  readonly events: StoredEvent[] = [];
  readonly groups = new Map<string, Group>();
  isDeleted = false;

  constructor(address: string, generation: number) {
    this.address = address;
    this.generation = generation;
  }

  at(number: bigint): StoredEvent | undefined {
    return this.events[Number(number)];
  }

  get end(): bigint {
    return BigInt(this.events.length);
  }
}

/** Told of everything that matters, when it is durable. */
export interface BrokerObserver {
  stored(address: string, stored: StoredEvent): void;
  handedOut(group: Group, stored: StoredEvent, times: number): void;
  settled(group: Group, stored: StoredEvent): void;
}

const NOBODY: BrokerObserver = { stored() {}, handedOut() {}, settled() {} };

export class Broker {
  readonly topics = new Map<string, Topic>();
  readonly #wakers = new Set<() => void>();
  observer: BrokerObserver = NOBODY;
  #generations = 0;

  provision(address: string): void {
    if (!this.topics.has(address)) this.topics.set(address, new Topic(address, ++this.#generations));
    this.wake();
  }

  deprovision(address: string): void {
    const topic = this.topics.get(address);
    if (topic !== undefined) topic.isDeleted = true;
    this.topics.delete(address);
    this.wake();
  }

  store(topic: Topic, event: Event | Malformed, now: number): StoredEvent {
    const number = topic.end;
    const stored = { number, position: `${topic.generation}-${number}`, event, storedAt: now };
    topic.events.push(stored);
    this.observer.stored(topic.address, stored);
    this.wake();
    return stored;
  }

  handOut(group: Group, stored: StoredEvent): number {
    const times = (group.deliveries.get(stored.number) ?? 0) + 1;
    group.deliveries.set(stored.number, times);
    this.observer.handedOut(group, stored, times);
    return times;
  }

  /** What a consumer has flushed. The group never moves back. */
  commit(topic: Topic, group: Group, floor: bigint, acked: ReadonlySet<bigint>): void {
    const before = { floor: group.floor, acked: group.acked };
    if (floor > group.floor) group.floor = floor;
    group.acked = acked;
    for (let number = before.floor; number < topic.end; number++) {
      const stored = topic.at(number);
      const isNew = group.isSettled(number) && !before.acked.has(number);
      if (stored !== undefined && isNew) this.observer.settled(group, stored);
    }
  }

  /** Calls back whenever something changed that a waiting consumer may want to look at; the answer ends that. */
  onWake(waker: () => void): () => void {
    this.#wakers.add(waker);
    return () => this.#wakers.delete(waker);
  }

  wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }
}
