/** The only list of adapters. Each is loaded when a configuration names it, so that no SDK is loaded in vain. */
import type { Adapter } from "../src/transport/adapter.ts";

/** The embedded log is opened with the database that it shares with the store, so it stands apart. */
export const loadEmbedded = () => import("./embedded/adapter.ts");

export const adapters: Readonly<Record<string, () => Promise<{ readonly adapter: Adapter }>>> = {
  nats: () => import("./nats/adapter.ts"),
  "gcp-pubsub": () => import("./gcp-pubsub/adapter.ts"),
  amqp: () => import("./amqp/adapter.ts"),
  kafka: () => import("./kafka/adapter.ts"),
};
