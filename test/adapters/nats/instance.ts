/** The transport under test, and what its suites share. */
import { randomUUID } from "node:crypto";
import { adapter } from "../../../adapters/nats/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import type { TopicSettings, Transport } from "../../../src/transport/port.ts";
import { openTransport } from "../../support/transports.ts";

export { EVERYTHING, soon } from "../../support/transports.ts";

/** With the defaults of the schema, as the configuration fills them in. */
export function topicSettings(settings: Partial<TopicSettings> = {}): TopicSettings {
  const { options = {}, ...rest } = settings;
  const filled = validateAdapterSettings(adapter.schema, "/$defs/topic", options, "/topics/x/options");
  return { ...TOPIC_DEFAULTS.settings, ...rest, options: filled };
}

export function openNats(url: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Transport> {
  return openTransport("nats", url, { settings });
}

/** A subject of two tokens. */
export function uniqueName(): string {
  return `name.${randomUUID()}`;
}
