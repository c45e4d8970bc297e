/** What the errors of the broker, the client and the network mean, in the portable codes. */
import { type PublishResult, TransportError, type TransportErrorCode } from "../../src/transport/port.ts";

type Failure = Extract<PublishResult, { ok: false }>;

/** Reply codes of AMQP 0-9-1 (specification, section 1.2) and of RabbitMQ. */
const REPLY_CODES: Readonly<Record<number, TransportErrorCode>> = {
  311: "too_large", // content-too-large
  313: "unavailable", // no-consumers
  320: "unavailable", // connection-forced: the broker shuts down, or an operator closed the connection
  402: "invalid", // invalid-path
  403: "permission_denied", // access-refused
  404: "not_found",
  405: "fenced", // resource-locked: an exclusive queue of another connection
  406: "invalid", // precondition-failed
  501: "unknown", // frame-error
  502: "unknown", // syntax-error
  503: "unknown", // command-invalid
  504: "unavailable", // channel-error
  505: "unknown", // unexpected-frame
  506: "throttled", // resource-error
  530: "permission_denied", // not-allowed: among others a vhost that the user may not open
  540: "invalid", // not-implemented
  541: "unavailable", // internal-error
};

/** Reply texts that say more than their code; RabbitMQ has no other way to tell them. */
const REPLY_TEXTS: readonly (readonly [pattern: RegExp, code: TransportErrorCode])[] = [
  [/is down or inaccessible/i, "unavailable"], // 404 for a queue whose node is away
  [/process is stopped by supervisor/i, "unavailable"], // 404 for a queue that has no leader
  [/vhost .* not found|no such vhost/i, "not_found"], // 530
  [/vhost .* is down/i, "unavailable"], // 541 or 530
  [/larger than (configured )?max size/i, "too_large"], // 406
  [/delivery acknowledgement on channel \d+ timed out/i, "timeout"], // 406: consumer_timeout
  [/unknown delivery tag/i, "unavailable"], // 406
  [/connection limit|channel limit|limit .* is reached/i, "throttled"], // 530
];

/** The client's own errors, which have no code. */
const CLIENT_TEXTS: readonly (readonly [pattern: RegExp, code: TransportErrorCode])[] = [
  [/message nacked/i, "throttled"],
  [/No channels left to allocate/i, "throttled"],
  [/SASL mechanism .* is not provided/i, "permission_denied"],
];

/** Node's: certificates that do not prove who the broker is. Everything else of the network passes. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/;

export function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  if (!(error instanceof Error)) return new TransportError("unknown", "RabbitMQ: the client failed", { cause: error });
  return new TransportError(codeOf(error), `RabbitMQ: ${textOf(error)}`, { cause: error });
}

/** The reply code of the broker, given by the client as a number or, while a connection opens, in its text. */
export function replyCodeOf(error: Error): number | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code === "number") return code;
  const found = /(?:by server|closed): (\d{3}) \(/.exec(error.message)?.[1];
  return found === undefined ? undefined : Number(found);
}

function codeOf(error: Error): TransportErrorCode {
  const reply = replyCodeOf(error);
  const texts = reply === undefined ? CLIENT_TEXTS : REPLY_TEXTS;
  const byText = texts.find(([pattern]) => pattern.test(error.message))?.[1];
  if (byText !== undefined) return byText;
  if (reply !== undefined) return REPLY_CODES[reply] ?? "unknown";
  const { code } = error as { code?: unknown };
  if (typeof code === "string") return fromNode(code);
  return "unavailable"; // a channel or connection that is gone, a heartbeat that did not come
}

function fromNode(code: string): TransportErrorCode {
  if (CERTIFICATE.test(code) || code === "ENOENT" || code === "EACCES") return "permission_denied";
  return "unavailable";
}

/** The broker's own words where there are any: `with message "..."` of the client's text. */
function textOf(error: Error): string {
  return /with message "(.*)"$/s.exec(error.message)?.[1] ?? error.message;
}

export function closedError(): TransportError {
  return new TransportError("closed", "The RabbitMQ transport, or this part of it, is closed");
}

export function fencedError(group: string): TransportError {
  return new TransportError("fenced", `Another process consumes the queue of the group "${group}"`);
}

export function blockedError(reason: string): TransportError {
  return new TransportError(
    "throttled",
    `RabbitMQ takes nothing at the moment: ${reason} (a resource alarm of the broker)`,
  );
}

export function failure(error: TransportError, stored: Failure["stored"] = "no"): Failure {
  return { ok: false, error, stored };
}

export const refusals = {
  noText: () =>
    failure(
      new TransportError("invalid", "An attribute of the event holds a lone surrogate, which is no Unicode text"),
    ),
  longKey: (attribute: string) =>
    failure(
      new TransportError("invalid", `The attribute "${attribute}" is longer than the 255 bytes of a routing key`),
    ),
  tooLarge: (bytes: number, maxBytes: number) =>
    failure(
      new TransportError("too_large", `The event has ${bytes} bytes, attributes included; at most ${maxBytes} fit`),
    ),
  aborted: (key: string) =>
    failure(new TransportError("aborted", `An earlier event of the key "${key}" in the same call failed`)),
  unroutable: (exchange: string) =>
    failure(
      new TransportError(
        "unavailable",
        `No queue is bound to the exchange "${exchange}", so nobody would ever receive the event: create a subscription or bind a queue, or set the topic's option mandatory to false to drop such events`,
      ),
    ),
  queueFull: () =>
    failure(new TransportError("throttled", "Too much waits for the broker's confirmation", { retryAfterSeconds: 1 })),
} as const;
