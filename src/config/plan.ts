/** The frozen outcome of reading, interpolating and validating a configuration: what `serve` runs and `check` prints. */
import type { Subscription } from "../subscription/subscription.ts";
import type { TopicSettings } from "../transport/port.ts";

/** A topic with all defaults applied. */
export interface TopicPlan {
  readonly name: string;
  /** The name of a transport; `embedded` is always there. */
  readonly transport: string;
  /** The native address on that transport; the topic's name unless set. */
  readonly address: string;
  /** Replaces the place that the transport tells, for loop protection. */
  readonly place: string | undefined;
  readonly settings: TopicSettings;
  /** The bus keeps a copy of its own, for replay where the transport can't be read again. */
  readonly archive?: true;
}

/** A configured instance of an adapter. */
export interface TransportPlan {
  readonly name: string;
  readonly adapter: string;
  /** The adapter's own part, which it validates itself. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface Plan {
  /** The name of this bus in the world: broker groups and places are named after it. */
  readonly busId: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly dataDir: string;
  /** `onPublish` is what the built-in configuration says: a publish creates its topic. */
  readonly topicCreation: "explicit" | "onPublish";
  readonly limits: { readonly eventBytes: number; readonly batchBytes: number; readonly maxHops: number };
  readonly storage: { readonly minFreeBytes: number };
  /** CIDR ranges that sinks may be in, besides the public addresses. */
  readonly egress: { readonly allow: readonly string[] };
  /** How long SIGTERM waits for running attempts. */
  readonly drainTimeoutMs: number;
  readonly log: { readonly level: "debug" | "info" | "warn" | "error"; readonly format: "auto" | "json" | "pretty" };
  /** What a topic gets that is created through the API or by a publish. */
  readonly topicDefaults: Omit<TopicPlan, "name" | "address" | "archive">;
  /** `embedded` first, which is always there. */
  readonly transports: readonly TransportPlan[];
  readonly topics: readonly TopicPlan[];
  readonly subscriptions: readonly Subscription[];
  /** The file that was read, for messages; undefined for the built-in configuration. */
  readonly file: string | undefined;
  /** `PULSEBUS_*` variables that are set and name no setting. */
  readonly ignoredVariables: readonly string[];
}
