/**
 * The exact account of a run. It sees what the world sees (the broker, the receivers, the durable rows), never what the
 * engine believes, and judges each step when it happens:
 *
 * - an event counts as settled at the broker only once it was delivered, has a row, was discarded or does not match
 * - a row goes away only when its delivery was answered with a yes, or an operator discarded it
 * - a delivery is attempted when it is owed: not while another attempt of it runs, not before the outcome of the last one
 *   is durable, not after it is done. An unknown outcome (a crash, a lost session or ack, a stop that could not write)
 *   allows one more attempt each, which is what bounds duplicates
 * - attempts stay within the policy, but for those of unknown outcome; the count of a row never goes back
 * - of one key, where the subscription keeps order, one is attempted at a time, and none before an earlier one is done;
 *   what was given up once has lost its place
 * - nothing is attempted before its `deliverytime`
 * - a dead letter has a reason that fits what happened, and the event as it was published
 */
import { isDeepStrictEqual } from "node:util";
import { deliveryId } from "../../src/delivery/delivery-id.ts";
import { attributeOf } from "../../src/event/event.ts";
import { POISON_UNCLEAN_STOPS } from "../../src/limits.ts";
import type { Delivery, SinkResult } from "../../src/sink/port.ts";
import type { DeliveryRow } from "../../src/store/port.ts";
import type { DeliveryPolicy } from "../../src/subscription/subscription.ts";
import { isMalformed } from "../../src/transport/port.ts";
import type { Broker, BrokerObserver, Group, StoredEvent } from "./broker/broker.ts";
import type { StoreData } from "./store/memory-store.ts";
import type { SubscriptionPlan } from "./workload.ts";

/** One event owed to one subscription. */
interface Account {
  readonly id: string;
  readonly subscription: SubscriptionPlan;
  readonly stored: StoredEvent;
  running: number;
  /** Since the first one, or since it was redriven. */
  attempts: number;
  /** How many of them may come on top of the policy, since their outcome was unknown. */
  unknownOutcomes: number;
  /** Attempts that may start although none is owed. */
  allowance: number;
  lastResult: SinkResult | undefined;
  /** The sink said yes. */
  isDelivered: boolean;
  isDiscarded: boolean;
  wasHandedOut: boolean;
  /** It was given up at least once. */
  wasDead: boolean;
  /** The sink answered, and nothing durable says so yet. */
  isUnwritten: boolean;
  /** Ends of a process since it was first handed out. */
  unclean: number;
}

/** What policies a subscription has had. */
interface Bounds {
  maxAttempts: number;
  minAttempts: number;
  minAgeMs: number;
}

export class Ledger implements BrokerObserver {
  readonly violations: string[] = [];
  readonly #broker: Broker;
  readonly #rows: StoreData;
  readonly #busId: string;
  readonly #subscriptions: readonly SubscriptionPlan[];
  readonly #accounts = new Map<string, Account>();
  /** By subscription and key. */
  readonly #keys = new Map<string, readonly Account[]>();
  readonly #bounds = new Map<string, Bounds>();
  /** Ids of the events at each address. */
  readonly #present = new Map<string, Set<string>>();
  attempts = 0;
  duplicates = 0;

  constructor(broker: Broker, rows: StoreData, busId: string, subscriptions: readonly SubscriptionPlan[]) {
    this.#broker = broker;
    this.#rows = rows;
    this.#busId = busId;
    this.#subscriptions = subscriptions;
    broker.observer = this;
    rows.observer = (call, before, after) => this.#rowChanged(call, before, after);
  }

  violate(sentence: string): void {
    this.violations.push(sentence);
  }

  // --- the broker --------------------------------------------------------------------------------------------------

  stored(address: string, stored: StoredEvent): void {
    if (!isMalformed(stored.event)) this.#idsAt(address).add(stored.event.id);
    for (const subscription of this.#subscriptions) {
      if (subscription.topic === address) this.#open(subscription, stored);
    }
  }

  handedOut(group: Group, stored: StoredEvent, times: number): void {
    const account = this.#accountOf(group, stored);
    if (account !== undefined) account.wasHandedOut = true;
    if (account === undefined || times === 1) return;
    account.allowance += 1;
    const isAtWork = account.running > 0 || account.isUnwritten || this.#rows.get(account.id) !== undefined;
    if (isAtWork) account.unknownOutcomes += 1;
    else this.#countAgain(account); // nobody knows of the attempts before
  }

  settled(group: Group, stored: StoredEvent): void {
    const account = this.#accountOf(group, stored);
    if (account === undefined) return;
    // Of one that has a row it is the park that is acked, however late: its outcome is a matter of the row.
    if (account.isDelivered && this.#rows.get(account.id) === undefined) account.isUnwritten = false;
    if (!this.#isDone(account)) this.violate(`${nameOf(account)} is settled, and neither delivered nor in a row`);
  }

  /** The publisher was told that it is stored. */
  accepted(address: string, eventId: string): void {
    if (!this.#idsAt(address).has(eventId)) this.violate(`${eventId} was accepted and is not in ${address}`);
  }

  // --- the sinks ---------------------------------------------------------------------------------------------------

  policyUsed(subscription: string, { retry }: DeliveryPolicy): void {
    const { maxAttempts, minAttempts, minAgeMs } = this.#boundsOf(subscription);
    this.#bounds.set(subscription, {
      maxAttempts: Math.max(maxAttempts, retry.maxAttempts),
      minAttempts: Math.min(minAttempts, retry.maxAttempts),
      minAgeMs: Math.min(minAgeMs, retry.maxAgeMs),
    });
  }

  attemptStarted(subscription: string, delivery: Delivery, now: number): void {
    const account = this.#accounts.get(delivery.id);
    if (account === undefined || account.subscription.id !== subscription) {
      this.violate(`${subscription} attempts ${delivery.id}, which nobody owes it`);
    } else this.#attemptStarted(account, delivery, now);
  }

  #attemptStarted(account: Account, delivery: Delivery, now: number): void {
    this.attempts += 1;
    if (!isDeepStrictEqual(delivery.event, account.stored.event)) this.violate(`${nameOf(account)} was changed`);
    if (!this.#matches(account)) this.violate(`${nameOf(account)} is attempted and does not match`);
    const deliverAt = Date.parse(attributeOf(delivery.event, "deliverytime") ?? "");
    if (deliverAt > now) this.violate(`${nameOf(account)} is attempted before its time`);
    this.#checkKeyOrder(account);
    const reason = this.#notOwed(account);
    if (reason !== undefined) {
      this.duplicates += 1;
      if (account.allowance === 0) this.violate(`${nameOf(account)} is attempted, while ${reason}`);
      // Of two at once one may park the delivery and the other deliver it: then its row comes on top.
      else if (account.running === 0) account.allowance -= 1;
    }
    account.running += 1;
    account.attempts += 1;
    const { maxAttempts } = this.#boundsOf(account.subscription.id);
    if (account.attempts > maxAttempts + account.unknownOutcomes) {
      const unknown = `${account.unknownOutcomes} outcomes unknown`;
      this.violate(`${nameOf(account)} has attempt ${account.attempts} of ${maxAttempts} (${unknown})`);
    }
  }

  attemptEnded(delivery: Delivery, result: SinkResult): void {
    const account = this.#accounts.get(delivery.id);
    if (account === undefined) return;
    account.running -= 1;
    account.lastResult = result;
    account.isUnwritten = true;
    if (result.kind === "aborted") account.unknownOutcomes += 1;
    if (result.kind === "response" && result.status < 300) account.isDelivered = true;
  }

  /** The subscription has stopped: what it could not write is forgotten. */
  stopped(subscription: string): void {
    for (const account of this.#accounts.values()) {
      if (account.subscription.id === subscription && account.isUnwritten) this.#forget(account);
    }
  }

  /** The process is gone with all it knew. */
  crashed(): void {
    for (const account of this.#accounts.values()) {
      if (account.running > 0 || account.isUnwritten) this.#forget(account);
      if (account.wasHandedOut) account.unclean += 1;
      account.running = 0;
    }
  }

  // --- the verdict at the end --------------------------------------------------------------------------------------

  /** What is not settled yet, as sentences. */
  unsettled(): string[] {
    const open: string[] = [];
    for (const account of this.#accounts.values()) {
      const group = this.#groupOf(account);
      if (group === undefined || account.stored.number < group.start) continue;
      const { state } = this.#rows.get(account.id)?.row ?? {};
      if (state === "parked") open.push(`${nameOf(account)} is parked`);
      else if (account.running > 0) open.push(`${nameOf(account)} is being attempted`);
      else if (!group.isSettled(account.stored.number)) open.push(`${nameOf(account)} is not settled at the broker`);
      else if (!this.#isDone(account)) open.push(`${nameOf(account)} is lost`);
    }
    return open;
  }

  // --- rows --------------------------------------------------------------------------------------------------------

  #rowChanged(call: string, before: DeliveryRow | undefined, after: DeliveryRow | undefined): void {
    const account = this.#accounts.get((after ?? before)?.id ?? "");
    if (account !== undefined && !isOnlyAPlace(call, account, after)) account.isUnwritten = false;
    if (account === undefined) this.violate(`${call} wrote a row that belongs to no event`);
    else if (after === undefined) this.#rowGone(call, account);
    else if (call === "redrive") this.#countAgain(account);
    else this.#rowWritten(account, before, after);
  }

  #rowGone(call: string, account: Account): void {
    if (call === "discard") account.isDiscarded = true;
    else if (!this.#wasPassedOn(account)) this.violate(`${nameOf(account)} lost its row by ${call}, undelivered`);
  }

  #countAgain(account: Account): void {
    account.attempts = account.running;
    account.unknownOutcomes = account.running;
  }

  #rowWritten(account: Account, before: DeliveryRow | undefined, after: DeliveryRow): void {
    const name = nameOf(account);
    if (before === undefined) account.isDiscarded = false; // handed out again, since its ack was lost
    if (after.position !== account.stored.position) this.violate(`${name} has the position ${after.position}`);
    if (!isDeepStrictEqual(after.event, account.stored.event)) this.violate(`${name} was changed in its row`);
    if (before !== undefined && after.attempts < before.attempts) {
      this.violate(`${name} had ${before.attempts} attempts, and now ${after.attempts}`);
    }
    if (after.state === "dead") account.wasDead = true;
    const isObserved = account.subscription.targets.length === 0;
    if (isObserved && after.attempts > account.attempts) {
      this.violate(`${name} counts ${after.attempts} attempts of ${account.attempts}`);
    }
    if (after.state === "dead" && before?.state !== "dead" && isObserved) this.#checkReason(account, after);
  }

  #checkReason(account: Account, row: DeliveryRow): void {
    const { lastResult } = account;
    const { minAttempts, minAgeMs } = this.#boundsOf(row.subscription);
    const ageMs = (row.diedAt ?? 0) - (row.firstAttemptAt ?? 0);
    const isRejection = lastResult?.kind === "refused" || (lastResult?.kind === "response" && lastResult.status < 500);
    const fits = {
      malformed: isMalformed(row.event),
      expired: !isMalformed(row.event) && attributeOf(row.event, "expirytime") !== undefined,
      rejected: isRejection,
      // What is handed out again after an unclean stop counts as having been open then.
      poison: account.unclean >= POISON_UNCLEAN_STOPS - 1,
      exhausted: row.attempts >= minAttempts || ageMs >= minAgeMs,
    };
    const isFitting = row.reason !== undefined && row.reason in fits && fits[row.reason as keyof typeof fits];
    if (!isFitting || row.detail === "") this.violate(`${nameOf(account)} is dead for no reason: ${row.reason}`);
  }

  // --- order -------------------------------------------------------------------------------------------------------

  #checkKeyOrder(account: Account): void {
    const key = this.#keyOf(account);
    if (key === undefined || !account.subscription.isOrdered) return;
    for (const other of this.#keys.get(key) ?? []) {
      if (other === account || !this.#isOwed(other)) continue;
      if (other.running > 0) this.violate(`${nameOf(account)} is attempted beside ${nameOf(other)} of its key`);
      const isInOrder = !account.wasDead && !account.isDelivered;
      const isEarlier = other.stored.number < account.stored.number;
      if (isInOrder && isEarlier && !other.wasDead && !other.isDelivered) {
        this.violate(`${nameOf(account)} is attempted before ${nameOf(other)} of its key`);
      }
    }
  }

  /** By subscription; undefined for what has no order. */
  #keyOf({ subscription, stored: { event } }: Account): string | undefined {
    const key = isMalformed(event) ? undefined : attributeOf(event, "partitionkey");
    return key === undefined ? undefined : `${subscription.id} ${key}`;
  }

  /** Whether it is for the subscription at all. */
  #isOwed(account: Account): boolean {
    const group = this.#groupOf(account);
    return group !== undefined && account.stored.number >= group.start && this.#matches(account);
  }

  // --- accounts ----------------------------------------------------------------------------------------------------

  #open(subscription: SubscriptionPlan, stored: StoredEvent): void {
    const id = deliveryId(subscription.id, stored.position);
    const counts = { unclean: 0, running: 0, attempts: 0, unknownOutcomes: 0, allowance: 0 };
    const states = { isDelivered: false, wasDead: false, wasHandedOut: false, isDiscarded: false, isUnwritten: false };
    const account: Account = { id, subscription, stored, ...counts, ...states, lastResult: undefined };
    this.#accounts.set(id, account);
    const key = this.#keyOf(account);
    if (key !== undefined) this.#keys.set(key, [...(this.#keys.get(key) ?? []), account]);
  }

  /** Why no attempt is owed now; undefined when one is. */
  #notOwed(account: Account): string | undefined {
    if (account.running > 0) return "another attempt runs";
    if (account.isUnwritten) return "the outcome before is not durable";
    if (account.isDiscarded) return "it was discarded";
    const { state } = this.#rows.get(account.id)?.row ?? {};
    if (state === "parked") return undefined;
    if (state === "dead") return "it is dead";
    return account.isDelivered ? "it is delivered" : undefined;
  }

  /** What follows from the last attempt is lost. Without a row the broker hands the event out again, which allows one. */
  #forget(account: Account): void {
    account.isUnwritten = false;
    account.unknownOutcomes += 1;
    if (this.#rows.get(account.id) !== undefined) account.allowance += 1;
  }

  #isDone(account: Account): boolean {
    if (account.isDiscarded || !this.#matches(account)) return true;
    return this.#wasPassedOn(account) || this.#rows.get(account.id) !== undefined;
  }

  /** Delivered, or in the topic that the subscription forwards to. */
  #wasPassedOn({ isDelivered, subscription: { targets }, stored: { event } }: Account): boolean {
    if (isDelivered || isMalformed(event)) return isDelivered;
    return targets.some((target) => this.#idsAt(target).has(event.id));
  }

  #matches({ stored: { event }, subscription }: Account): boolean {
    return isMalformed(event) || subscription.wants(event);
  }

  #accountOf(group: Group, stored: StoredEvent): Account | undefined {
    return this.#accounts.get(deliveryId(group.name.slice(this.#busId.length + 1), stored.position));
  }

  #groupOf({ subscription: { id, topic } }: Account): Group | undefined {
    return this.#broker.topics.get(topic)?.groups.get(`${this.#busId}/${id}`);
  }

  #boundsOf(subscription: string): Bounds {
    const none = { maxAttempts: 0, minAttempts: Number.POSITIVE_INFINITY, minAgeMs: Number.POSITIVE_INFINITY };
    return this.#bounds.get(subscription) ?? none;
  }

  #idsAt(address: string): Set<string> {
    const known = this.#present.get(address);
    if (known !== undefined) return known;
    const ids = new Set<string>();
    this.#present.set(address, ids);
    return ids;
  }
}

/** Parked while its attempt ran, to have its place among those of its key: the row knows nothing of the attempt yet. */
function isOnlyAPlace(call: string, { lastResult }: Account, after: DeliveryRow | undefined): boolean {
  return call === "park" && after?.attempts === 0 && lastResult?.kind !== "aborted";
}

function nameOf({ subscription, stored: { event, position } }: Account): string {
  return `${subscription.id}/${isMalformed(event) ? "malformed" : event.id} (${position})`;
}
