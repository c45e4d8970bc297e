/** Transports on the Pub/Sub server, for tests. */
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import type { TopicSettings, Transport } from "../../../src/transport/port.ts";
import { openTransport, uniqueName } from "../../support/transports.ts";

export { EVERYTHING, PROJECT, soon, uniqueName } from "../../support/transports.ts";

/** With the mapped key, as the order of events with a key is what this transport keeps. */
export const SETTINGS: TopicSettings = { ...TOPIC_DEFAULTS.settings, key: "partitionkey" };

export function openPubsub(emulator: string): Promise<Transport> {
  return openTransport("gcp-pubsub", emulator);
}

/** A fresh topic, as `settings` say, with a group. */
export async function topicWithGroup(transport: Transport, settings: Partial<TopicSettings> = {}) {
  const address = uniqueName();
  const group = `bus/${uniqueName()}`;
  await transport.provision(address, { ...SETTINGS, ...settings });
  await transport.createGroup(address, group, { at: "latest" });
  return { address, group };
}
