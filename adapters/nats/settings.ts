/** The settings of a transport and of its topics, as the schema validated them. */
import type { TopicSettings } from "../../src/transport/port.ts";

export interface NatsSettings {
  readonly servers: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly nkeySeed?: string;
  readonly credentialsFile?: string;
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly handshakeFirst?: boolean;
  };
  readonly domain?: string;
  readonly inboxPrefix: string;
  readonly maxPayloadBytes: number;
}

/** What a topic says under `options`. */
interface TopicOptions {
  readonly stream: string | undefined;
  readonly storage: "file" | "memory";
  readonly replicas: number;
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
  readonly discard: "new" | "old";
  readonly ackWaitSeconds: number;
}

export interface Topic extends Pick<TopicSettings, "strict" | "envelope" | "mode" | "key" | "provision" | "dedupe"> {
  readonly options: TopicOptions;
}

/** The defaults of the schema, for addresses that were never provisioned. */
const OPTIONS: TopicOptions = {
  stream: undefined,
  storage: "file",
  replicas: 1,
  maxAgeSeconds: 604_800,
  maxBytes: -1,
  discard: "new",
  ackWaitSeconds: 5,
};

export const UNPROVISIONED: Topic = {
  strict: false,
  envelope: "cloudevents",
  mode: "keep",
  key: undefined,
  provision: true,
  dedupe: undefined,
  options: OPTIONS,
};

export function topicOf({ strict, envelope, mode, key, provision, dedupe, options }: TopicSettings): Topic {
  return { strict, envelope, mode, key, provision, dedupe, options: { ...OPTIONS, ...options } };
}
