/** The transport under test, and what its suites share. */
import { randomUUID } from "node:crypto";
import { adapter } from "../../../adapters/nats/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import type { Matcher, TopicSettings, Transport } from "../../../src/transport/port.ts";

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const EVERYTHING: Matcher = { matches: () => true, types: undefined, source: undefined };

/** With the defaults of the schema, as the configuration fills them in. */
export function topicSettings(settings: Partial<TopicSettings> = {}): TopicSettings {
  const { options = {}, ...rest } = settings;
  const filled = validateAdapterSettings(adapter.schema, "/$defs/topic", options, "/topics/x/options");
  return { ...TOPIC_DEFAULTS.settings, ...rest, options: filled };
}

export function openNats(url: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Transport> {
  const filled = validateAdapterSettings(adapter.schema, "", { servers: [url], ...settings }, "/transports/nats");
  return adapter.open(filled, { name: "nats", busId: "test", clock: systemClock, logger: SILENT });
}

export function uniqueName(): string {
  return `name.${randomUUID()}`;
}

export function soon(ms = 30_000): number {
  return Date.now() + ms;
}
