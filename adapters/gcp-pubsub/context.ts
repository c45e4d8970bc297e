/** What the parts of one instance share. */
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Position, TopicSettings } from "../../src/transport/port.ts";
import type { Channels } from "./sdk.ts";

export interface PubsubContext {
  readonly projectId: string;
  readonly channels: Channels;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As last provisioned, or the defaults. */
  settingsOf(address: string): TopicSettings;
}

/** The service gives each message an id that it never gives again in this topic, nor in one of the same name. */
export function positionOf(topic: string, messageId: string): Position {
  return `${topic}/${messageId}`;
}
