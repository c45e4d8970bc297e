/**
 * The Transport port: what the core asks of a message system, and all it asks. The embedded log goes through it like
 * any broker. An adapter moves bytes, remembers positions, classifies errors and reconnects; it never retries a
 * publish, never decides policy, and knows nothing of subscriptions, sinks or HTTP.
 *
 * Concurrency: every method may be called concurrently unless its comment says otherwise.
 * After `close`: every method rejects with `closed`; `settle` answers false; `close` itself may be called again.
 */
import type { Event } from "../event/event.ts";
import type { DecodeOptions } from "../event/leniency.ts";

/** Portable error codes. `fenced`: another process owns the group. */
export type TransportErrorCode =
  | "not_found"
  | "permission_denied"
  | "invalid"
  | "too_large"
  | "unavailable"
  | "timeout"
  | "throttled"
  | "aborted"
  | "fenced"
  | "closed"
  | "unknown";

const RETRYABLE: ReadonlySet<TransportErrorCode> = new Set([
  "unavailable",
  "timeout",
  "throttled",
  "aborted",
  "unknown",
]);

/** `message` is safe to show: it holds no credentials and no connection string. The native error is the `cause`. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly code: TransportErrorCode;
  /** Whether the same call may succeed later without anyone changing anything. */
  readonly retryable: boolean;
  /** Seconds after which trying again makes sense, where the transport can tell. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: TransportErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * Where an event stands in its topic, as text. Opaque to the core. The same on every redelivery and after a restart;
 * carries the generation of the native topic, so that a topic that was deleted and created again never repeats one.
 */
export type Position = string;

/** Where a new group starts. */
export type Start =
  | { readonly at: "latest" }
  | { readonly at: "earliest" }
  | { readonly at: "time"; readonly time: Date }
  | { readonly at: "position"; readonly position: Position };

/**
 * What a transport can do, as data. Declared once and used three ways: the core refuses or emulates what is declared
 * false, the conformance suite proves what is declared true, and the documentation prints it.
 */
export interface Capabilities {
  /** A publish that resolved survives a crash and a power loss of the transport. */
  readonly durable: boolean;
  /** What the transport itself keeps in order. */
  readonly ordering: "none" | "key" | "topic";
  /** Later events of one publish call, and of calls made without waiting, are stored after earlier ones of their key. */
  readonly orderedPublish: boolean;
  /** Whether several consumers of a group share its events, or a second one is refused as `fenced`. */
  readonly group: "shared" | "exclusive";
  /** `own`: only events that this bus published have a position that is the same on redelivery. */
  readonly position: "always" | "own";
  readonly starts: readonly Start["at"][];
  /** How long an item may stay unsettled, in milliseconds. */
  readonly leaseMs: number | "unbounded";
  /** Whether `read` works, and from where. */
  readonly replay: "none" | "time" | "position";
  /** Whether `find` works. */
  readonly find: boolean;
  readonly stats: { readonly backlog: boolean; readonly oldest: boolean };
  /** Whether items carry how often they were delivered. */
  readonly deliveryCount: boolean;
  /** Whether a topic may have `TopicSettings.dedupe`. */
  readonly dedupe: boolean;
  readonly limits: {
    /** Of one event on the wire, attributes included. */
    readonly eventBytes: number;
    readonly attributeCount: number | "unbounded";
    readonly batchCount: number;
  };
}

/**
 * `duplicate`: on a topic with `dedupe`, the event was stored before; the position is the one it has had since then.
 * `no`: proven not stored. `unknown`: a timeout or a lost connection; sending it again may duplicate.
 */
export type PublishResult =
  | { readonly ok: true; readonly position: Position | undefined; readonly duplicate?: true }
  | { readonly ok: false; readonly error: TransportError; readonly stored: "no" | "unknown" };

export interface Publisher {
  /**
   * Stores the events; one result per event, by index. Resolves once each is durably confirmed or has failed, never
   * rejects, never retries, and answers all results by `deadline` (milliseconds since the epoch, by the adapter's own
   * timer). Concurrent calls are pipelined and batched. Array order is kept per key: after a failed event the later
   * ones of its key fail `aborted` and are not stored. An empty array is answered at once.
   */
  publish(events: readonly Event[], deadline: number): Promise<readonly PublishResult[]>;
  /** Flushes what is under way, by `deadline`. */
  close(deadline: number): Promise<void>;
}

/** A wire message that is no CloudEvent: kept with its bytes, dead-lettered by the core, never an exception. */
export interface Malformed {
  readonly malformed: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bytes: Buffer;
}

/** One event as a group receives it; the item is its own ack handle. */
export interface Item {
  readonly event: Event | Malformed;
  readonly position: Position;
  /** False only when this group has certainly never been handed this event before. */
  readonly redelivered: boolean;
  /** How often the group was handed it, this time included, where the transport counts. */
  readonly deliveries: number | undefined;
  /** When the transport stored it, milliseconds since the epoch, where it can tell. */
  readonly storedAt: number | undefined;
  /** The ordering key that the transport itself kept. */
  readonly key: string | undefined;
}

export function isMalformed(event: Event | Malformed): event is Malformed {
  return "malformed" in event;
}

/** What a subscription wants, compiled. Pure; may be called from anywhere and often. */
export interface Matcher {
  matches(event: Event): boolean;
  /** When set, no event of another type matches: what a dispatcher may index by. */
  readonly types: readonly string[] | undefined;
  /** When set, no event of another source matches. */
  readonly source: string | undefined;
}

export interface ConsumerOptions {
  /**
   * The adapter hands out only what matches, and settles the rest itself; that needs no durable write of its own.
   * A malformed message is always handed out.
   */
  readonly matcher: Matcher;
  /** Told of each leniency that a native message needed, each time that it is read. HOT PATH: must neither block nor throw. */
  readonly leniency?: DecodeOptions["leniency"];
}

export interface ConsumerState {
  readonly status: "receiving" | "reconnecting" | "closed";
  readonly error: TransportError | undefined;
  /** Events that retention took from this group before it received them, since the group was created. */
  readonly skipped: number;
}

export interface Consumer {
  /**
   * Waits for at least one item, answers 1 to `max` of them and never waits to fill; answers [] when the signal is
   * aborted, which ends the wait, not the transport's own request. One call at a time. Rejects only with `not_found`,
   * `permission_denied`, `fenced` or `closed`; every other fault is outlasted and shown in `state`.
   * What was handed out stays leased to this consumer until it is settled or the consumer is closed.
   */
  receive(max: number, signal: AbortSignal): Promise<readonly Item[]>;
  /**
   * In any order; never throws, never blocks. A released event may come again behind later ones of its key; what a
   * consumer leaves unsettled at its end does not, where an order is declared.
   * False: known to be too late (or settled before), and dropped.
   */
  settle(item: Item, how: "ack" | "release"): boolean;
  readonly state: ConsumerState;
  /** Hands back what was not settled and flushes the acks, by `deadline`. */
  close(deadline: number): Promise<void>;
}

export interface GroupStats {
  /** Events after the group's position, before filters; undefined where the transport can't tell. */
  readonly backlog: number | undefined;
  /** When the oldest of them was stored, milliseconds since the epoch. */
  readonly oldestAt: number | undefined;
  readonly skipped: number;
}

/**
 * Where one position stands for a group. `before`: stored before the group began, so it never was its to receive.
 * `unknown` where the transport can't tell.
 */
export type Progress = "before" | "unread" | "open" | "settled" | "unknown";

export interface TopicStats {
  readonly events: number | undefined;
  readonly bytes: number | undefined;
  readonly oldestAt: number | undefined;
  readonly newestAt: number | undefined;
}

/** One page of a topic, read without a group. `next` is the position to go on from, absent at the end. */
export interface TopicPage {
  readonly items: readonly Item[];
  readonly next: Position | undefined;
}

export interface Transport {
  readonly capabilities: Capabilities;
  /** Opening a missing address succeeds; its first publish fails `not_found`. */
  publisher(address: string): Publisher;
  /** Opening a missing address or group succeeds; its first `receive` fails `not_found`. */
  consumer(address: string, group: string, options: ConsumerOptions): Consumer;

  /**
   * Creates the native topic, or updates its settings. Idempotent. The settings hold for all that is opened on this
   * address from then on; an address that was never provisioned has the adapter's defaults.
   */
  provision(address: string, settings: TopicSettings): Promise<void>;
  /** Deletes the native topic and all that was stored in it. Idempotent. */
  deprovision(address: string): Promise<void>;
  /** Resolves once nothing published from now on is missed. Idempotent: an existing group keeps its position. */
  createGroup(address: string, group: string, start: Start): Promise<void>;
  /** Idempotent. */
  deleteGroup(address: string, group: string): Promise<void>;
  /** Says whether a group holds back retention; the embedded log bounds that by `holdBack`. Others ignore it. */
  holdBack(address: string, group: string, mode: "normal" | "bounded" | "none"): void;

  /** The identity of the native topic in the world, the same for every bus that is attached to it. */
  place(address: string): Promise<string>;
  stats(address: string, group: string): Promise<GroupStats>;
  topicStats(address: string): Promise<TopicStats>;
  progress(address: string, group: string, position: Position): Promise<Progress>;
  /** Reads without a group, for browsing. `not_found` for a missing address; `invalid` where `replay` is `none`. */
  read(address: string, from: Start, max: number): Promise<TopicPage>;
  /** The stored events with this identity, newest first, within a bounded scan. `complete` says whether all was read. */
  find(
    address: string,
    identity: { readonly source: string; readonly id: string },
  ): Promise<{ readonly items: readonly Item[]; readonly complete: boolean }>;

  /** Rejects when the transport can't be used now. */
  check(): Promise<void>;
  /** Drains publishers and consumers, by `deadline`. */
  close(deadline: number): Promise<void>;
}

/** The settings of a topic that its transport acts on, defaults applied by the configuration. */
export interface TopicSettings {
  /** Of the embedded log; a broker has its own, which an adapter offers under `options`. */
  readonly retention: { readonly maxAgeMs: number; readonly maxBytes: number };
  readonly holdBackMs: number;
  readonly whenFull: "reject" | "dropOldest";
  /**
   * Refuse what reading normally tolerates (`Leniency`): a native message that needs it is malformed. Publishes over HTTP
   * are read before a transport sees them.
   */
  readonly strict: boolean;
  /** How a message that is no CloudEvent is taken: as malformed, or `raw`, as the data of an event made for it. */
  readonly envelope: "cloudevents" | "raw";
  /** How events are written where the transport can do both; `keep`: as they were received. */
  readonly mode: "keep" | "binary" | "structured";
  /** The attribute that becomes the native ordering key; undefined: none. */
  readonly key: string | undefined;
  /** False where the operator owns the broker: `provision` and `createGroup` then only check that all is there. */
  readonly provision: boolean;
  /**
   * Within `windowMs` after an event was stored, one with the same source and id is answered as its `duplicate` and not
   * stored, however the publishes come: in one call, at the same time, after a restart. Undefined: all are stored.
   */
  readonly dedupe: { readonly windowMs: number } | undefined;
  /** The adapter's own, valid by `$defs.topic` of its schema. */
  readonly options: Readonly<Record<string, unknown>>;
}
