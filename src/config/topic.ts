/** Topics: from what the user wrote to what the bus runs. */
import { DEDUPE_WINDOW_MS_MAX, DEDUPE_WINDOW_MS_MIN, SETTING_BYTES_MAX, SETTING_MS_MAX } from "../limits.ts";
import { faultAt } from "../pointer.ts";
import { checkTopicName } from "../subscription/names.ts";
import type { TopicSettings } from "../transport/port.ts";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseDurationBetween,
  parseSize,
  parseSizeBetween,
} from "../units.ts";
import { CONFIG_DEFAULTS } from "./defaults.ts";
import type { SizeInput, TopicDefaultsInput, TopicInput } from "./input.ts";
import type { Plan, TopicPlan } from "./plan.ts";
import { validateTopicInput } from "./schema.ts";
import { EMBEDDED } from "./transports.ts";

type TopicDefaults = Plan["topicDefaults"];

const { retention, holdBack, ...builtIn } = CONFIG_DEFAULTS.topicDefaults;

/** What `topicDefaults` are when the configuration has none. */
export const TOPIC_DEFAULTS: TopicDefaults = {
  transport: builtIn.transport,
  place: undefined,
  settings: {
    strict: builtIn.strict,
    retention: { maxAgeMs: parseDuration(retention.maxAge), maxBytes: parseSize(retention.maxBytes) },
    holdBackMs: parseDuration(holdBack),
    whenFull: builtIn.whenFull,
    envelope: "cloudevents",
    mode: "keep",
    key: undefined,
    provision: true,
    dedupe: undefined,
    options: {},
  },
};

/** The topic of `PUT /topics/{topic}`, with or without a body. Throws `invalid-request` or `not-supported`. */
export function resolveTopic(name: string, input: unknown, defaults: TopicDefaults): TopicPlan {
  return planTopic(checkTopicName(name, ""), validateTopicInput(input), defaults, "");
}

/** `at` is the JSON pointer of the input, whose shape is valid. Throws `invalid-request`. */
export function planTopic(name: string, input: TopicInput, defaults: TopicDefaults, at: string): TopicPlan {
  const common = planTopicDefaults(input, defaults, at);
  refuseMeaningless(input, common.transport, at);
  return {
    name,
    address: input.address ?? name,
    ...common,
    place: input.place ?? defaults.place,
    settings: { ...common.settings, ...planNative(input), dedupe: planDedupe(input, at) },
    ...(input.archive && { archive: true }),
  };
}

function planDedupe({ dedupe }: TopicInput, at: string): TopicSettings["dedupe"] {
  if (dedupe === undefined) return undefined;
  const windowAt = `${at}/dedupe/window`;
  return { windowMs: parseDurationBetween(dedupe.window, DEDUPE_WINDOW_MS_MIN, DEDUPE_WINDOW_MS_MAX, windowAt) };
}

function planNative({ envelope, mode, key, provision, options }: TopicInput) {
  const native = TOPIC_DEFAULTS.settings;
  return {
    envelope: envelope ?? native.envelope,
    mode: mode ?? native.mode,
    key,
    provision: provision ?? native.provision,
    options: options ?? native.options,
  };
}

const OF_THE_EMBEDDED = ["retention", "holdBack", "whenFull"] as const;
const OF_BROKERS = ["envelope", "mode", "key", "provision", "archive"] as const;

/** A setting that the topic's transport does not act on would be a promise that nobody keeps. */
function refuseMeaningless(input: TopicInput, transport: string, at: string): void {
  const isEmbedded = transport === EMBEDDED;
  const others = isEmbedded ? OF_BROKERS : OF_THE_EMBEDDED;
  // The archive of a broker's topic lies in the embedded log.
  const isOfArchive = (setting: keyof TopicInput): boolean => input.archive === true && setting === "retention";
  const meaningless = others.find((setting) => input[setting] !== undefined && !isOfArchive(setting));
  if (meaningless === undefined) return;
  const reason = isEmbedded
    ? "has no meaning on the embedded transport: leave it out"
    : "is of the embedded transport; a broker keeps its own: see the adapter's `options`";
  throw faultAt("invalid-request", `${at}/${meaningless}`, reason);
}

/** What `input` says, and what `fallback` says where it says nothing. */
export function planTopicDefaults(input: TopicDefaultsInput, fallback: TopicDefaults, at: string): TopicDefaults {
  return {
    transport: input.transport ?? fallback.transport,
    place: fallback.place,
    settings: planSettings(input, fallback.settings, at),
  };
}

function planSettings(input: TopicDefaultsInput, fallback: TopicSettings, at: string): TopicSettings {
  const { maxAge, maxBytes } = input.retention ?? {};
  return {
    ...fallback,
    strict: input.strict ?? fallback.strict,
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

/** A topic in the form in which users write it, with what its transport acts on and every default. */
export function describeTopic({ transport, address, place, settings, archive }: TopicPlan): TopicInput {
  const { strict, retention, holdBackMs, whenFull, envelope, mode, key, provision, dedupe, options } = settings;
  const common = {
    ...{ address, ...(place === undefined ? {} : { place }), transport, strict },
    ...(dedupe && { dedupe: { window: formatDuration(dedupe.windowMs) } }),
  };
  if (transport === EMBEDDED) return { ...common, ...describeEmbedded({ retention, holdBackMs, whenFull }) };
  const archived = archive && { archive, retention: describeRetention(retention) };
  return { ...common, envelope, mode, ...(key && { key }), provision, ...archived, options };
}

export function describeTopicDefaults({ transport, settings }: TopicDefaults): TopicDefaultsInput {
  return { transport, strict: settings.strict, ...describeEmbedded(settings) };
}

function describeEmbedded(settings: Pick<TopicSettings, "retention" | "holdBackMs" | "whenFull">) {
  const { retention, holdBackMs, whenFull } = settings;
  return {
    retention: describeRetention(retention),
    holdBack: formatDuration(holdBackMs),
    whenFull,
  };
}

function describeRetention({ maxAgeMs, maxBytes }: TopicSettings["retention"]) {
  return { maxAge: formatDuration(maxAgeMs), maxBytes: formatSize(maxBytes) };
}
