/** Google's own clients, as the programs of users have them. */
import { PubSub, v1 } from "@google-cloud/pubsub";
import { PROJECT } from "./instance.ts";

export interface NativeClients {
  readonly pubsub: PubSub;
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  close(): Promise<void>;
}

export async function openNativeClients(emulator: string): Promise<NativeClients> {
  const pubsub = new PubSub({
    projectId: PROJECT,
    apiEndpoint: emulator,
    emulatorMode: true,
    clientOptions: { universeDomain: "googleapis.com" },
  });
  const { ...config } = await pubsub.getClientConfig();
  const publisher = new v1.PublisherClient(config);
  const subscriber = new v1.SubscriberClient(config);
  return {
    pubsub,
    publisher,
    subscriber,
    async close() {
      await Promise.all([publisher.close(), subscriber.close(), pubsub.close()]);
    },
  };
}
