/**
 * Puts an event together from the attributes of any protocol and holds it to the rules that all protocols share:
 * required attributes, types of the core attributes, no attribute twice, limits, CloudEvents 0.3 normalized to 1.0.
 */
import { PulsebusError } from "../errors.ts";
import { ATTRIBUTE_COUNT_MAX, ATTRIBUTES_BYTES_MAX } from "../limits.ts";
import { decodeBase64 } from "./base64.ts";
import type { Attribute, AttributeType, Data, Event } from "./event.ts";
import { type DecodeOptions, refuse, tolerate } from "./leniency.ts";
import { mediaTypeProblem } from "./media-type.ts";
import { validateName, validateValue } from "./rules.ts";

export class Assembly {
  readonly #options: DecodeOptions;
  readonly #attributes: Attribute[] = [];
  /** Attributes that were present and null: absent from the event, yet not allowed a second time. */
  #unset: string[] | undefined;
  #bytes = 0;
  #specversion: string | undefined;
  #id: string | undefined;
  #source: string | undefined;
  #type: string | undefined;
  #contentType: string | undefined;

  constructor(options: DecodeOptions) {
    this.#options = options;
  }

  get contentType(): string | undefined {
    return this.#contentType;
  }

  /** As it was sent: 0.3 leaves no other trace in the event. */
  get specversion(): string | undefined {
    return this.#specversion;
  }

  /** Whether nothing at all was found: then this is no CloudEvent, which deserves its own message. */
  get isEmpty(): boolean {
    return this.#attributes.length === 0 && this.#specversion === undefined && this.#unset === undefined;
  }

  /** Adds an attribute that came as text. `plain`: known to be printable ASCII. */
  addText(name: string, value: string, plain: boolean): void {
    const type = CORE_TYPES.get(name);
    if (type === undefined) {
      this.#addExtension(name, "string", value, plain);
      return;
    }
    if (value.length === 0) refuse(name, "is empty");
    if (name === "specversion") {
      this.#refuseIfPresent(name);
      this.#specversion = value;
      return;
    }
    this.#add(name, type, value, plain);
    if (name === "id") this.#id = value;
    else if (name === "source") this.#source = value;
    else if (name === "type") this.#type = value;
    else if (name === "datacontenttype") this.#contentType = value;
  }

  /** Adds an attribute whose type the protocol carried; a core attribute has to be text. */
  addTyped(name: string, type: AttributeType, value: string): void {
    const wanted = CORE_TYPES.get(name);
    if (type === "string" || type === wanted) this.addText(name, value, false);
    else if (wanted !== undefined) refuse(name, `must be a string, not ${withArticle(type)}`);
    else this.#addExtension(name, type, value, false);
  }

  /** Notes an attribute that was present and null, which is the same as absent (json-format.md section 2.2). */
  addUnset(name: string): void {
    const problem = validateName(name);
    if (problem !== undefined) refuse(name, problem);
    this.#refuseIfPresent(name);
    this.#unset ??= [];
    this.#unset.push(name);
    this.#refuseTooMany();
  }

  /** The event, if all that is required is there. */
  finish(data: Data | undefined, structured: Buffer | undefined): Event {
    const legacy = this.#specversion === "0.3";
    if (this.#specversion !== "1.0" && !legacy) this.#refuseVersion();
    const { id, source, type } = this.#identity();
    if (!legacy) return { id, source, type, attributes: this.#attributes, data, structured };
    tolerate(this.#options, "specversion-0.3", "specversion", "is 0.3, and only 1.0 is taken here");
    return { id, source, type, attributes: withoutLegacy(this.#attributes), data, structured: undefined };
  }

  /** What `datacontentencoding` of CloudEvents 0.3 makes of the data: its bytes when it says base64. */
  decodeLegacyData(data: Data | undefined): Data | undefined {
    if (this.#specversion !== "0.3" || data === undefined) return data;
    const encoding = this.#attributes.find(({ name }) => name === "datacontentencoding")?.value.toLowerCase();
    if (encoding === undefined) return data;
    if (encoding !== "base64") refuse("datacontentencoding", "must be base64 where it is present");
    const bytes = decodeBase64(textOf(data));
    return bytes === undefined ? refuse("data", "is not base64") : { kind: "binary", bytes };
  }

  #identity(): { id: string; source: string; type: string } {
    const id = this.#id ?? refuse("id", "is required and missing");
    const source = this.#source ?? refuse("source", "is required and missing");
    const type = this.#type ?? refuse("type", "is required and missing");
    return { id, source, type };
  }

  #refuseVersion(): never {
    if (this.#specversion === undefined) refuse("specversion", "is required and missing: send 1.0");
    refuse("specversion", `is ${JSON.stringify(this.#specversion)}: only 1.0 and 0.3 are known`);
  }

  #addExtension(name: string, type: AttributeType, value: string, plain: boolean): void {
    const problem = validateName(name);
    if (problem !== undefined) refuse(name, problem);
    this.#add(name, type, value, plain);
  }

  #add(name: string, type: AttributeType, value: string, plain: boolean): void {
    if (!plain || type !== "string") {
      const problem = validateValue(type, value);
      if (problem !== undefined) refuse(name, problem);
    }
    if (name === "datacontenttype") {
      const problem = mediaTypeProblem(value);
      if (problem !== undefined) refuse(name, problem);
    }
    this.#refuseIfPresent(name);
    this.#bytes += name.length + (plain ? value.length : Buffer.byteLength(value));
    this.#attributes.push({ name, type, value });
    if (this.#bytes > ATTRIBUTES_BYTES_MAX) {
      throw new PulsebusError("too-large", `the attributes have more than ${ATTRIBUTES_BYTES_MAX} bytes`, { at: name });
    }
    this.#refuseTooMany();
  }

  #refuseIfPresent(name: string): void {
    for (const attribute of this.#attributes) if (attribute.name === name) refuseRepetition(name);
    if (this.#unset?.includes(name) === true) refuseRepetition(name);
    if (name === "specversion" && this.#specversion !== undefined) refuseRepetition(name);
  }

  #refuseTooMany(): void {
    if (this.#attributes.length + (this.#unset?.length ?? 0) > ATTRIBUTE_COUNT_MAX) {
      throw new PulsebusError("too-large", `the event has more than ${ATTRIBUTE_COUNT_MAX} attributes`);
    }
  }
}

/** The attributes that the specification itself defines; none may be empty. */
const CORE_TYPES: ReadonlyMap<string, AttributeType> = new Map([
  ["specversion", "string"],
  ["id", "string"],
  ["source", "uri-reference"],
  ["type", "string"],
  ["datacontenttype", "string"],
  ["dataschema", "uri"],
  ["subject", "string"],
  ["time", "timestamp"],
]);

/** 0.3 to 1.0: `schemaurl` is `dataschema`, and `datacontentencoding` has gone into the data. */
function withoutLegacy(attributes: readonly Attribute[]): Attribute[] {
  const kept = attributes.filter(({ name }) => name !== "datacontentencoding");
  return kept.map((attribute) => {
    if (attribute.name !== "schemaurl") return attribute;
    const problem = validateValue("uri", attribute.value);
    if (problem !== undefined) refuse("schemaurl", problem);
    if (kept.some(({ name }) => name === "dataschema")) refuse("schemaurl", "is given beside dataschema");
    return { name: "dataschema", type: "uri", value: attribute.value };
  });
}

/** The characters of data that was base64 in a JSON string or a body. */
function textOf({ kind, bytes }: Data): string {
  if (kind !== "json") return bytes.toString("latin1");
  const value: unknown = JSON.parse(bytes.toString());
  return typeof value === "string"
    ? value
    : refuse("data", "must be a string of base64 where datacontentencoding is base64");
}

function refuseRepetition(name: string): never {
  refuse(name, "is given more than once");
}

function withArticle(type: AttributeType): string {
  return type === "integer" ? "an integer" : `a ${type}`;
}
