/** Transports on the Pub/Sub server, for tests. */
import { randomUUID } from "node:crypto";
import { adapter } from "../../../adapters/gcp-pubsub/adapter.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const PROJECT = "pulsebus-test";

/** With the mapped key, as the order of events with a key is what this transport keeps. */
export const SETTINGS: TopicSettings = { ...TOPIC_DEFAULTS.settings, key: "partitionkey" };

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

export function openPubsub(emulator: string): Promise<Transport> {
  const context = { name: "pubsub", busId: "bus", clock: systemClock, logger: SILENT };
  return adapter.open({ projectId: PROJECT, emulator }, context);
}

export function uniqueName(): string {
  return `name-${randomUUID()}`;
}

/** A fresh topic, as `settings` say, with a group. */
export async function topicWithGroup(transport: Transport, settings: Partial<TopicSettings> = {}) {
  const address = uniqueName();
  const group = `bus/${uniqueName()}`;
  await transport.provision(address, { ...SETTINGS, ...settings });
  await transport.createGroup(address, group, { at: "latest" });
  return { address, group };
}

export function soon(ms = 10_000): number {
  return Date.now() + ms;
}
