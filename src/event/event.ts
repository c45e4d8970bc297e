/**
 * The event: a CloudEvent 1.0 (spec.md, v1.0.2) as Pulsebus holds it. Values are canonical strings, never parsed
 * further; data is opaque bytes. Nothing here is invented or changed on the way through: no id, no time, no re-spelling.
 */

/** The types of the CloudEvents type system (spec.md "Type System"). */
export type AttributeType = "boolean" | "integer" | "string" | "binary" | "uri" | "uri-reference" | "timestamp";

export interface Attribute {
  readonly name: string;
  /** The type that the protocol carried; a text protocol carries extensions as `string`. */
  readonly type: AttributeType;
  /** The canonical string of the value (spec.md "Type System"); `time` keeps the spelling it was received with. */
  readonly value: string;
}

/**
 * `json`: the raw text of a value that is proven to be JSON (it came as a member of a JSON event).
 * `text`: came as a JSON string under a content type that is not JSON; the bytes are its UTF-8.
 * `binary`: opaque bytes, from binary mode or `data_base64`.
 */
export type DataKind = "json" | "text" | "binary";

export interface Data {
  readonly kind: DataKind;
  readonly bytes: Buffer;
}

export interface Event {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** All attributes in the order received, `id`, `source`, `type` and `datacontenttype` included, `specversion` not. */
  readonly attributes: readonly Attribute[];
  /** Absent when the event has no data, which differs from data of no bytes. */
  readonly data: Data | undefined;
  /** The JSON document that the event arrived as, while nothing about it was changed: sent on as it is. */
  readonly structured: Buffer | undefined;
}

/** The canonical string of an attribute, or undefined when the event does not have it. */
export function attributeOf(event: Event, name: string): string | undefined {
  switch (name) {
    case "id":
      return event.id;
    case "source":
      return event.source;
    case "type":
      return event.type;
    case "specversion":
      return "1.0";
    default:
      for (const attribute of event.attributes) if (attribute.name === name) return attribute.value;
      return undefined;
  }
}
