/** The configuration as users write it; its shape, descriptions and defaults stand in `schemas/config.schema.json`. */
import type { SubscriptionInput } from "../subscription/subscription.ts";
import type { TopicSettings } from "../transport/port.ts";
import type { Plan } from "./plan.ts";

/** Bytes, or a string such as `10GiB`. */
export type SizeInput = string | number;

export interface TopicDefaultsInput {
  readonly transport?: string;
  readonly strict?: boolean;
  readonly retention?: { readonly maxAge?: string; readonly maxBytes?: SizeInput };
  readonly holdBack?: string;
  readonly whenFull?: "reject" | "dropOldest";
}

/** An entry of `topics:`, and the body of `PUT /topics/{topic}`. */
export interface TopicInput extends TopicDefaultsInput {
  readonly address?: string;
  readonly place?: string;
  readonly envelope?: TopicSettings["envelope"];
  readonly mode?: TopicSettings["mode"];
  readonly key?: string;
  readonly provision?: boolean;
  readonly dedupe?: { readonly window: string };
  readonly archive?: boolean;
  readonly options?: TopicSettings["options"];
}

export interface TransportInput {
  readonly adapter: string;
  readonly [setting: string]: unknown;
}

/** An entry of `bridges:`: `between`, for both ways, or `from` and `to`. */
export interface BridgeInput extends Pick<SubscriptionInput, "types" | "source" | "filters" | "delivery"> {
  readonly between?: readonly string[];
  readonly from?: string;
  readonly to?: string;
}

export interface ConfigInput {
  readonly bus?: { readonly id?: string };
  readonly server?: { readonly host?: string; readonly port?: number };
  readonly dataDir?: string;
  readonly topicCreation?: Plan["topicCreation"];
  readonly limits?: { readonly eventBytes?: SizeInput; readonly batchBytes?: SizeInput; readonly maxHops?: number };
  readonly storage?: { readonly minFreeBytes?: SizeInput };
  readonly egress?: { readonly allow?: readonly string[] };
  readonly drainTimeout?: string;
  readonly log?: Partial<Plan["log"]>;
  readonly transports?: Readonly<Record<string, TransportInput>>;
  readonly topicDefaults?: TopicDefaultsInput;
  readonly topics?: Readonly<Record<string, TopicInput | null>>;
  readonly subscriptions?: Readonly<Record<string, Omit<SubscriptionInput, "id"> & { readonly id?: string }>>;
  readonly bridges?: Readonly<Record<string, BridgeInput>>;
}
