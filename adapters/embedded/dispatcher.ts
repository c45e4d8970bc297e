/**
 * Brings new events to the groups of one topic that keep up. They are found by an index on the exact types and the exact
 * source that their matchers name, so that a group for which nothing matches costs nothing per event; matchers that
 * name neither are asked one by one.
 */
import type { Event } from "../../src/event/event.ts";
import type { Matcher } from "../../src/transport/port.ts";
import type { LogEntry } from "./log.ts";

export interface Listener {
  readonly matcher: Matcher;
  /** Takes an event that matches. */
  offer(entry: LogEntry): void;
  /** Stops listening: what comes from `number` on, this listener reads by itself. */
  fallBehindAt(number: number): void;
}

type Index = Map<string, Set<Listener>>;

export class Dispatcher {
  readonly #byType: Index = new Map();
  readonly #bySource: Index = new Map();
  readonly #others = new Set<Listener>();
  readonly #all = new Set<Listener>();

  /** Whether nobody listens, so that entries need not even be made. */
  get isIdle(): boolean {
    return this.#all.size === 0;
  }

  get listeners(): Iterable<Listener> {
    return this.#all;
  }

  attach(listener: Listener): void {
    this.#all.add(listener);
    const { types, source } = listener.matcher;
    if (types !== undefined) for (const type of types) addTo(this.#byType, type, listener);
    else if (source !== undefined) addTo(this.#bySource, source, listener);
    else this.#others.add(listener);
  }

  detach(listener: Listener): void {
    this.#all.delete(listener);
    const { types, source } = listener.matcher;
    if (types !== undefined) for (const type of types) removeFrom(this.#byType, type, listener);
    else if (source !== undefined) removeFrom(this.#bySource, source, listener);
    else this.#others.delete(listener);
  }

  dispatch(event: Event, entry: LogEntry): void {
    offerTo(this.#byType.get(event.type), event, entry);
    offerTo(this.#bySource.get(event.source), event, entry);
    offerTo(this.#others, event, entry);
  }
}

/** A listener may detach itself while it is offered an event; a set allows that. */
function offerTo(listeners: ReadonlySet<Listener> | undefined, event: Event, entry: LogEntry): void {
  if (listeners === undefined) return;
  for (const listener of listeners) if (listener.matcher.matches(event)) listener.offer(entry);
}

function addTo(index: Index, key: string, listener: Listener): void {
  const listeners = index.get(key);
  if (listeners === undefined) index.set(key, new Set([listener]));
  else listeners.add(listener);
}

function removeFrom(index: Index, key: string, listener: Listener): void {
  const listeners = index.get(key);
  listeners?.delete(listener);
  if (listeners?.size === 0) index.delete(key);
}
