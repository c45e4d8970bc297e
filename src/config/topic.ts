/** Topics: from what the user wrote to what the bus runs. */
import { SETTING_BYTES_MAX, SETTING_MS_MAX } from "../limits.ts";
import { checkTopicName } from "../subscription/names.ts";
import type { TopicSettings } from "../transport/port.ts";
import { parseDuration, parseDurationBetween, parseSize, parseSizeBetween } from "../units.ts";
import { CONFIG_DEFAULTS } from "./defaults.ts";
import type { SizeInput, TopicDefaultsInput, TopicInput } from "./input.ts";
import type { Plan, TopicPlan } from "./plan.ts";
import { validateTopicInput } from "./schema.ts";

type TopicDefaults = Plan["topicDefaults"];

const { retention, holdBack, ...builtIn } = CONFIG_DEFAULTS.topicDefaults;

/** What `topicDefaults` are when the configuration has none. */
export const TOPIC_DEFAULTS: TopicDefaults = {
  transport: builtIn.transport,
  strict: builtIn.strict,
  place: undefined,
  settings: {
    retention: { maxAgeMs: parseDuration(retention.maxAge), maxBytes: parseSize(retention.maxBytes) },
    holdBackMs: parseDuration(holdBack),
    whenFull: builtIn.whenFull,
    envelope: "cloudevents",
    mode: "keep",
    key: undefined,
    provision: true,
    options: {},
  },
};

/** The topic of `PUT /topics/{topic}`, with or without a body. Throws `invalid-request` or `not-supported`. */
export function resolveTopic(name: string, input: unknown, defaults: TopicDefaults): TopicPlan {
  return planTopic(checkTopicName(name, ""), validateTopicInput(input), defaults, "");
}

/** `at` is the JSON pointer of the input, whose shape is valid. Throws `invalid-request`. */
export function planTopic(name: string, input: TopicInput, defaults: TopicDefaults, at: string): TopicPlan {
  return {
    name,
    address: input.address ?? name,
    ...planTopicDefaults(input, defaults, at),
    place: input.place ?? defaults.place,
  };
}

/** What `input` says, and what `fallback` says where it says nothing. */
export function planTopicDefaults(input: TopicDefaultsInput, fallback: TopicDefaults, at: string): TopicDefaults {
  return {
    transport: input.transport ?? fallback.transport,
    strict: input.strict ?? fallback.strict,
    place: fallback.place,
    settings: planSettings(input, fallback.settings, at),
  };
}

function planSettings(input: TopicDefaultsInput, fallback: TopicSettings, at: string): TopicSettings {
  const { maxAge, maxBytes } = input.retention ?? {};
  return {
    ...fallback,
    retention: {
      maxAgeMs: settingMs(maxAge, `${at}/retention/maxAge`) ?? fallback.retention.maxAgeMs,
      maxBytes: settingBytes(maxBytes, `${at}/retention/maxBytes`) ?? fallback.retention.maxBytes,
    },
    holdBackMs: settingMs(input.holdBack, `${at}/holdBack`) ?? fallback.holdBackMs,
    whenFull: input.whenFull ?? fallback.whenFull,
  };
}

function settingMs(text: string | undefined, at: string): number | undefined {
  return text === undefined ? undefined : parseDurationBetween(text, 1, SETTING_MS_MAX, at);
}

function settingBytes(size: SizeInput | undefined, at: string): number | undefined {
  return size === undefined ? undefined : parseSizeBetween(size, 1, SETTING_BYTES_MAX, at);
}
