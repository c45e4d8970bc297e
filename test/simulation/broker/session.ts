/**
 * What one consumer has of a group while it is connected: what it read ahead, what it handed out and what was settled.
 * A new session begins where the broker believes the group to be, and knows none of the items of the one before.
 */

import type { OffsetTracker } from "../../../src/transport/offset-tracker.ts";
import type { Item, Matcher } from "../../../src/transport/port.ts";
import { isMalformed } from "../../../src/transport/port.ts";
import type { Broker, Group, StoredEvent, Topic } from "./broker.ts";

export interface SessionOptions {
  readonly broker: Broker;
  readonly topic: Topic;
  readonly group: Group;
  readonly matcher: Matcher;
  readonly tracker: OffsetTracker;
  /** Events read ahead, of which chance picks the next: 0 keeps the order. */
  readonly reorders: number;
  /** Whether the broker keeps each ack, or one offset for a group. */
  readonly keepsEachAck: boolean;
  readonly random: () => number;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #open = new Map<Item, StoredEvent>();
  #ready: StoredEvent[] = [];
  /** Settled, and above the floor. */
  readonly #acked: Set<bigint>;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#acked = new Set(options.group.acked);
  }

  get topic(): Topic {
    return this.#options.topic;
  }

  get group(): Group {
    return this.#options.group;
  }

  take(max: number): Item[] {
    this.#readAhead(max + this.#options.reorders);
    const items: Item[] = [];
    while (items.length < max) {
      const at = this.#options.reorders === 0 ? 0 : Math.floor(this.#options.random() * this.#ready.length);
      const [stored] = this.#ready.splice(at, 1);
      if (stored === undefined) break;
      items.push(this.#handOut(stored));
    }
    return items;
  }

  /** False: the item is not one of this session, or was settled before. */
  settle(item: Item, how: "ack" | "release"): boolean {
    const stored = this.#open.get(item);
    if (stored === undefined) return false;
    this.#open.delete(item);
    if (how === "ack") this.#ack(stored.number);
    else this.#ready.unshift(stored);
    return true;
  }

  /** Settled for the caller, and owed all the same. */
  loseAck(item: Item): boolean {
    return this.settle(item, "release");
  }

  /** Makes durable what was settled. */
  commit(): void {
    const { broker, topic, group, tracker, keepsEachAck } = this.#options;
    if (topic.isDeleted) return;
    for (const number of this.#acked) if (number < tracker.floor) this.#acked.delete(number);
    broker.commit(topic, group, tracker.floor, keepsEachAck ? new Set(this.#acked) : new Set());
  }

  #ack(number: bigint): void {
    this.#options.tracker.settle(number);
    this.#acked.add(number);
  }

  #readAhead(count: number): void {
    const { topic, tracker } = this.#options;
    while (this.#ready.length < count) {
      const stored = topic.at(tracker.next);
      if (stored === undefined) return;
      if (this.#isWanted(stored)) {
        tracker.receive(stored.number);
        this.#ready.push(stored);
      } else tracker.passTo(stored.number + 1n);
    }
  }

  #isWanted({ number, event }: StoredEvent): boolean {
    if (this.#acked.has(number)) return false;
    return isMalformed(event) || this.#options.matcher.matches(event);
  }

  #handOut(stored: StoredEvent): Item {
    const times = this.#options.broker.handOut(this.#options.group, stored);
    const { event, position, storedAt } = stored;
    const item: Item = { event, position, redelivered: times > 1, deliveries: times, storedAt, key: undefined };
    this.#open.set(item, stored);
    return item;
  }
}
