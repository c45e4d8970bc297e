/**
 * The exact account of a crash run: what was published with which answer, what arrived where and how often, and the
 * verdict over both.
 *
 * Events belong to a stream: a topic, or one generation of a topic that is deleted and created again. A sink is owed
 * every accepted event of its stream that it matches, until it is retired together with its topic.
 */

export type Outcome = "accepted" | "refused" | "unknown";

export interface SinkRule {
  readonly stream: string;
  readonly matches: (type: string) => boolean;
  /**
   * Fed by a topic sink: an event may come twice because it was forwarded twice, so that neither the time nor the number
   * of its duplicates says anything about this subscription alone.
   */
  readonly isForwarded: boolean;
}

interface Published {
  readonly stream: string;
  readonly type: string;
  outcome: Outcome;
}

interface Reception {
  /** The process that sent it, counted from 1. */
  readonly epoch: number;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

interface Sink extends SinkRule {
  isOwed: boolean;
  readonly received: Map<string, Reception>;
  /** Accepted events that it is owed and has not received. */
  readonly missing: Set<string>;
  /** Times of what came in the current epoch. */
  recent: number[];
}

export interface Verdict {
  readonly accepted: number;
  readonly refused: number;
  readonly unknown: number;
  readonly deliveries: number;
  readonly duplicates: number;
  /** The most for one subscription after one crash. */
  readonly duplicatesWorst: number;
  /** How long before its crash the oldest delivery came that was repeated. */
  readonly duplicateAgeMaxMs: number;
  /** Each is a sentence; none is what should be. */
  readonly violations: readonly string[];
}

const VIOLATIONS_SHOWN = 20;

export class Ledger {
  readonly #published = new Map<string, Published>();
  readonly #sinks = new Map<string, Sink>();
  /** Per epoch: when it was killed, and how many duplicates each sink may see for it. */
  readonly #crashes = new Map<number, { readonly at: number; readonly allowed: ReadonlyMap<string, number> }>();
  readonly #duplicates = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #flushWindowMs: number;
  #deliveries = 0;
  #duplicateAgeMaxMs = 0;

  /** `flushWindowMs`: how old an outcome may be that a crash makes forgotten. */
  constructor(flushWindowMs: number) {
    this.#flushWindowMs = flushWindowMs;
  }

  /** Before its stream is published to. */
  addSink(name: string, rule: SinkRule): void {
    this.#sinks.set(name, { ...rule, isOwed: true, received: new Map(), missing: new Set(), recent: [] });
  }

  /** Its topic is about to be deleted, with whatever has not arrived. */
  retireSink(name: string): void {
    const sink = this.#sink(name);
    sink.isOwed = false;
    sink.missing.clear();
  }

  publishing(id: string, stream: string, type: string): void {
    this.#published.set(id, { stream, type, outcome: "unknown" });
  }

  answered(id: string, outcome: Outcome): void {
    const event = this.#published.get(id);
    if (event === undefined) return;
    event.outcome = outcome;
    if (outcome !== "accepted") return;
    for (const { isOwed, stream, matches, received, missing } of this.#sinks.values())
      if (isOwed && stream === event.stream && matches(event.type) && !received.has(id)) missing.add(id);
  }

  /** A sink said yes to an event. */
  received(name: string, id: string, epoch: number, at: number): void {
    const sink = this.#sink(name);
    const event = this.#published.get(id);
    this.#deliveries += 1;
    sink.recent.push(at);
    if (event === undefined) this.#violate(`${name} received ${id}, which nobody published`);
    else if (event.stream !== sink.stream) this.#violate(`${name} received ${id} of ${event.stream}`);
    else if (!sink.matches(event.type)) this.#violate(`${name} received ${id}, whose type it does not match`);
    else if (event.outcome === "refused") this.#violate(`${name} received ${id}, which was refused`);
    const before = sink.received.get(id);
    if (before !== undefined) this.#countDuplicate(name, id, before, epoch);
    sink.received.set(id, { epoch, at });
    sink.missing.delete(id);
  }

  /** The process was killed at this time, and all that it had sent has arrived: what was open or unflushed may come again. */
  crashed(epoch: number, at: number): void {
    const allowed = new Map<string, number>();
    for (const [name, sink] of this.#sinks) {
      allowed.set(name, sink.recent.filter((time) => time >= at - this.#flushWindowMs).length);
      sink.recent = [];
    }
    this.#crashes.set(epoch, { at, allowed });
  }

  /** The ids of accepted events that a sink is owed and has not received. */
  missing(name: string): ReadonlySet<string> {
    return this.#sink(name).missing;
  }

  /** Over all sinks. */
  get owed(): number {
    let owed = 0;
    for (const { missing } of this.#sinks.values()) owed += missing.size;
    return owed;
  }

  verdict(): Verdict {
    const outcomes = { accepted: 0, refused: 0, unknown: 0 };
    for (const { outcome } of this.#published.values()) outcomes[outcome] += 1;
    const lost = [...this.#sinks].flatMap(([name, { missing }]) =>
      [...missing].map((id) => `${name} never received ${id}`),
    );
    const violations = [...lost, ...this.#tooManyDuplicates(), ...this.#violations];
    const shown = violations.slice(0, VIOLATIONS_SHOWN);
    if (violations.length > shown.length) shown.push(`and ${violations.length - shown.length} more`);
    const counts = [...this.#duplicates.values()];
    return {
      ...outcomes,
      deliveries: this.#deliveries,
      duplicates: counts.reduce((sum, count) => sum + count, 0),
      duplicatesWorst: Math.max(0, ...counts),
      duplicateAgeMaxMs: Math.round(this.#duplicateAgeMaxMs),
      violations: shown,
    };
  }

  #countDuplicate(name: string, id: string, before: Reception, epoch: number): void {
    const { isForwarded } = this.#sink(name);
    const key = `${before.epoch} ${name}`;
    this.#duplicates.set(key, (this.#duplicates.get(key) ?? 0) + 1);
    if (isForwarded) return;
    const crash = this.#crashes.get(before.epoch);
    if (before.epoch === epoch || crash === undefined)
      this.#violate(`${name} received ${id} twice without a crash between`);
    else this.#duplicateAgeMaxMs = Math.max(this.#duplicateAgeMaxMs, crash.at - before.at);
  }

  #tooManyDuplicates(): string[] {
    return [...this.#duplicates].flatMap(([key, count]) => {
      const [epoch, name = ""] = key.split(" ");
      const allowed = this.#crashes.get(Number(epoch))?.allowed.get(name) ?? 0;
      if (this.#sink(name).isForwarded || count <= allowed) return [];
      return [
        `${name} received ${count} events again after crash ${epoch}, of which ${allowed} were open or unflushed`,
      ];
    });
  }

  #violate(sentence: string): void {
    this.#violations.push(sentence);
  }

  #sink(name: string): Sink {
    const sink = this.#sinks.get(name);
    if (sink === undefined) throw new Error(`there is no sink ${name}`);
    return sink;
  }
}
