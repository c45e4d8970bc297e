/** The settings of each address, as `provision` was given them, and the groups that this process has seen on it. */
import type { TopicSettings } from "../../src/transport/port.ts";

/** Valid by `$defs.topic` of the schema. */
export interface TopicOptions {
  readonly exchangeType: "fanout" | "topic";
  readonly mandatory: boolean;
  readonly queueArguments: Readonly<Record<string, string | number | boolean>>;
}

type AmqpTopicSettings = Pick<TopicSettings, "strict" | "mode" | "key" | "envelope" | "provision">;

export interface Topic {
  settings: AmqpTopicSettings;
  options: TopicOptions;
  readonly groups: Set<string>;
}

const DEFAULTS: TopicOptions = { exchangeType: "fanout", mandatory: true, queueArguments: {} };
const UNPROVISIONED: AmqpTopicSettings = {
  strict: false,
  mode: "keep",
  key: undefined,
  envelope: "cloudevents",
  provision: true,
};

export class Topics {
  readonly #topics = new Map<string, Topic>();

  get(address: string): Topic {
    let topic = this.#topics.get(address);
    if (topic === undefined) {
      topic = { settings: UNPROVISIONED, options: DEFAULTS, groups: new Set() };
      this.#topics.set(address, topic);
    }
    return topic;
  }

  configure(address: string, settings: TopicSettings): Topic {
    const topic = this.get(address);
    topic.settings = settings;
    topic.options = { ...DEFAULTS, ...settings.options };
    return topic;
  }
}
