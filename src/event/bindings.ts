/**
 * The protocol bindings of CloudEvents as one table. Protocols differ only in its cells: which prefix marks an
 * attribute, where `datacontenttype` lives, how values are written, what fits. `message.ts` encodes and decodes by it.
 *
 * Reading takes every prefix and place that a peer is known to use; writing uses the one that the binding names.
 * `http.ts` is the HTTP row written out for speed; a test holds it to the table.
 */

export interface Binding {
  /** Before each attribute's name. `foreign` ones are not the binding's, but peers write them. */
  readonly prefix: { readonly write: string; readonly read: readonly string[]; readonly foreign: readonly string[] };
  /**
   * Where `datacontenttype` lives: a property of the message, the header of this name, or an attribute like the others
   * (then the header of this name says only whether the message is structured).
   */
  readonly contentType: { readonly place: "property" | "header" | "attribute"; readonly header: string };
  /**
   * `percent`: canonical strings, percent-encoded as in HTTP. `utf8`: canonical strings. `native`: booleans, integers
   * and bytes have types of the protocol's own.
   */
  readonly values: "percent" | "utf8" | "native";
  /** Whether header names are case-insensitive; attribute names are then read in lower case. */
  readonly ignoresCase: boolean;
  /** Whether an empty body and none are different things; where not, a header tells them apart. */
  readonly keepsEmptyBody: boolean;
  /** What an event must fit into for binary mode; structured mode is taken otherwise. */
  readonly limits: { readonly headerCount: number; readonly nameBytes: number; readonly valueBytes: number };
}

const UNLIMITED = { headerCount: Infinity, nameBytes: Infinity, valueBytes: Infinity } as const;
const PROPERTY = { place: "property", header: "content-type" } as const;
const HEADER = { place: "header", header: "content-type" } as const;

export const BINDINGS = {
  /** http-protocol-binding.md */
  http: {
    prefix: { write: "ce-", read: ["ce-"], foreign: [] },
    contentType: HEADER,
    values: "percent",
    ignoresCase: true,
    keepsEmptyBody: false,
    limits: UNLIMITED,
  },
  /** kafka-protocol-binding.md. No data is a null value, which a compacted topic takes for a tombstone. */
  kafka: {
    prefix: { write: "ce_", read: ["ce_"], foreign: [] },
    contentType: HEADER,
    values: "utf8",
    ignoresCase: false,
    keepsEmptyBody: true,
    limits: UNLIMITED,
  },
  /** nats-protocol-binding.md, binary mode of main. Servers and clients keep the case of header names. */
  nats: {
    prefix: { write: "ce-", read: ["ce-"], foreign: [] },
    contentType: { place: "attribute", header: "Content-Type" },
    values: "percent",
    ignoresCase: true,
    keepsEmptyBody: false,
    limits: UNLIMITED,
  },
  /** AMQP 0-9-1 by the Knative draft. RabbitMQ 4 shows the properties of AMQP 1.0 messages as headers. Names are short strings. */
  rabbitmq: {
    prefix: { write: "ce-", read: ["ce-"], foreign: ["cloudEvents_", "cloudEvents:"] },
    contentType: PROPERTY,
    values: "native",
    ignoresCase: false,
    keepsEmptyBody: false,
    limits: { headerCount: Infinity, nameBytes: 255, valueBytes: Infinity },
  },
  /** amqp-protocol-binding.md, which always means AMQP 1.0. */
  amqp10: {
    prefix: { write: "cloudEvents_", read: ["cloudEvents_", "cloudEvents:"], foreign: [] },
    contentType: PROPERTY,
    values: "native",
    ignoresCase: false,
    keepsEmptyBody: false,
    limits: UNLIMITED,
  },
  /** mqtt-protocol-binding.md. A user property is an attribute if its name can be one. */
  mqtt5: {
    prefix: { write: "", read: [""], foreign: ["ce-"] },
    contentType: PROPERTY,
    values: "utf8",
    ignoresCase: false,
    keepsEmptyBody: false,
    limits: { headerCount: Infinity, nameBytes: 65_535, valueBytes: 65_535 },
  },
  /** googleapis/google-cloudevents pubsub.md (draft), and the quota of Pub/Sub on attributes. */
  pubsub: {
    prefix: { write: "ce-", read: ["ce-"], foreign: [] },
    contentType: HEADER,
    values: "utf8",
    ignoresCase: true,
    keepsEmptyBody: false,
    limits: { headerCount: 100, nameBytes: 256, valueBytes: 1_024 },
  },
} as const satisfies Record<string, Binding>;
