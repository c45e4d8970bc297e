/** The address of a sink: a webhook's URL, `topic:NAME`, or `pull:` for what is fetched through the API. */
import { SINK_CHARS_MAX } from "../limits.ts";
import { faultAt } from "../pointer.ts";
import { checkTopicName } from "./names.ts";
import type { SinkAddress } from "./subscription.ts";

const FORMS = "write an http:// or https:// URL, topic:NAME or pull:";

/**
 * Throws `invalid-request` for what is no sink. Which hosts may be reached is not
 * decided here but by the egress guard, at every attempt.
 */
export function parseSink(text: string, at: string): SinkAddress {
  if (text.startsWith("topic:")) return { kind: "topic", topic: checkTopicName(text.slice("topic:".length), at) };
  if (text === "pull:") return { kind: "pull" };
  if (text.length > SINK_CHARS_MAX) throw faultAt("invalid-request", at, `may have ${SINK_CHARS_MAX} characters`);
  return { kind: "webhook", url: parseWebhookUrl(text, at) };
}

/** As users write it. */
export function formatSink(sink: SinkAddress): string {
  switch (sink.kind) {
    case "webhook":
      return sink.url;
    case "topic":
      return `topic:${sink.topic}`;
    case "pull":
      return "pull:";
  }
}

/** The message never repeats the text, which may hold a password. */
function parseWebhookUrl(text: string, at: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:\/\//i.test(text)) throw faultAt("invalid-request", at, `is not a sink: ${FORMS}`);
  if (url.username !== "" || url.password !== "") {
    throw faultAt("invalid-request", at, "must not have credentials in its URL: send them with delivery.headers");
  }
  if (text.includes("#")) throw faultAt("invalid-request", at, "must not have a fragment (#...): it is never sent");
  return url.href;
}
