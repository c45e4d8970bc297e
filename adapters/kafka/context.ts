/** What the parts of one transport share. */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { TopicSettings } from "../../src/transport/port.ts";
import type { AdminClient } from "./admin-client.ts";
import type { ProducerClient } from "./producer-client.ts";
import type { KafkaSettings } from "./settings.ts";

export interface KafkaContext {
  readonly settings: KafkaSettings;
  readonly busId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly admin: AdminClient;
  readonly producer: ProducerClient;
  /** Aborted when the transport is closed. */
  readonly closed: AbortSignal;
  topicSettings(address: string): WireSettings;
}

/** The settings of a topic that matter after it was provisioned. */
export type WireSettings = Pick<TopicSettings, "strict" | "mode" | "key" | "envelope" | "provision">;

/** Kafka's own name of a group. Injective: dots separate, so that the parts have none. */
export function nativeGroup(busId: string, group: string): string {
  return `pulsebus.${escapePart(busId)}.${escapePart(group)}`;
}

/** The static member that reads a group: the same for each process of a bus, so that a second one takes it over. */
export function nativeInstance(busId: string): string {
  return `pulsebus.${escapePart(busId)}`;
}

function escapePart(part: string): string {
  return encodeURIComponent(part).replace(/[.!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}
