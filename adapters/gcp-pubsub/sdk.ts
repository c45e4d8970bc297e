/** The SDK's clients for one instance: plain request and answer, without its own retries, batching and leases. */
import { readFile } from "node:fs/promises";
import type { PubSub, v1 } from "@google-cloud/pubsub";
import { TransportError } from "../../src/transport/port.ts";
import { Channel } from "./channel.ts";
import { LIMITS } from "./limits.ts";
import type { PubsubSettings } from "./settings.ts";

type PublisherChannel = Channel<v1.PublisherClient>;
export type SubscriberChannel = Channel<v1.SubscriberClient>;

/**
 * Each kind of traffic has connections of its own: pulls wait on theirs for a long time, and nothing may wait behind
 * them.
 */
export interface Channels {
  readonly publisher: PublisherChannel;
  readonly subscriber: SubscriberChannel;
  /** Opens or shares one for the pulls of one more consumer; `release` when that is closed. */
  puller(): { readonly channel: SubscriberChannel; release(): void };
  close(): Promise<void>;
}

interface Puller {
  readonly channel: SubscriberChannel;
  consumers: number;
}

/** Loads the SDK. Connects at the first call. Rejects with `invalid` for a key file that can't be read. */
export async function openChannels(settings: PubsubSettings): Promise<Channels> {
  const sdk = await import("@google-cloud/pubsub");
  const credentials = await credentialsOf(settings);
  const { ...config } = await new sdk.PubSub(clientConfig(settings, credentials)).getClientConfig();
  const subscriberChannel = () => new Channel(() => new sdk.v1.SubscriberClient(config));
  const publisher = new Channel(() => new sdk.v1.PublisherClient(config));
  const subscriber = subscriberChannel();
  const pullers: Puller[] = [];
  return {
    publisher,
    subscriber,
    puller() {
      const puller = pullers.find(({ consumers }) => consumers < LIMITS.pullsPerConnection) ?? {
        channel: subscriberChannel(),
        consumers: 0,
      };
      if (!pullers.includes(puller)) pullers.push(puller);
      puller.consumers += 1;
      return {
        channel: puller.channel,
        release() {
          puller.consumers -= 1;
        },
      };
    },
    async close() {
      await Promise.all([publisher, subscriber, ...pullers.map(({ channel }) => channel)].map((one) => one.close()));
    },
  };
}

type ClientConfig = NonNullable<ConstructorParameters<typeof PubSub>[0]>;
type Credentials = NonNullable<ClientConfig["credentials"]>;

/** The SDK would read the file at its first call, and end the process by a rejection that nobody handles. */
async function credentialsOf({ keyFilename, credentials }: PubsubSettings): Promise<Credentials | undefined> {
  if (keyFilename === undefined) return credentials;
  try {
    return JSON.parse(await readFile(keyFilename, "utf8")) as Credentials;
  } catch {
    // No cause: that of a parser quotes the text.
    throw new TransportError("invalid", "keyFilename names no file that can be read and holds JSON");
  }
}

/** With an emulator nothing is asked of credentials or of a metadata server, so no variable needs to keep it from that. */
function clientConfig(settings: PubsubSettings, credentials: Credentials | undefined): ClientConfig {
  const { projectId, emulator, apiEndpoint, universeDomain } = settings;
  const grpc = {
    // Else a client that replaces a hung one shares its connection.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": LIMITS.reconnectMs.initial,
    "grpc.max_reconnect_backoff_ms": LIMITS.reconnectMs.most,
    "grpc.enable_retries": 0,
  };
  if (emulator !== undefined) {
    const clientOptions = { universeDomain: "googleapis.com" };
    return { ...grpc, projectId, apiEndpoint: emulator, emulatorMode: true, clientOptions };
  }
  return {
    ...grpc,
    projectId,
    emulatorMode: false,
    ...(apiEndpoint === undefined ? {} : { apiEndpoint }),
    ...(universeDomain === undefined ? {} : { universeDomain }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
