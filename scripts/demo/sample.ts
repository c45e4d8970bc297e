/** The events of the demo: each a little different, so that whatever a way changes is seen. */
import type { IncomingHttpHeaders } from "node:http";
import type { RequestOptions } from "../../test/support/http.ts";

export interface Sample {
  readonly id: string;
  /** Without `specversion`. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Buffer;
  readonly request: RequestOptions;
}

type Content = readonly [contentType: string, data: (number: number) => string | Buffer];

const CONTENTS: readonly Content[] = [
  // Spaces, the spelling of a price, and a number that JavaScript can't hold.
  ["application/json", (number) => `{ "order": ${number}, "price": 12.50, "serial": 12345678901234567890 }`],
  ["text/plain; charset=utf-8", (number) => `Bestellung ${number}: 3 × Käse, 注文`],
  ["application/octet-stream", (number) => Buffer.from([0, 255, number & 255, 10, 13])],
];

/** Binary and structured mode in turn. */
export function sampleOf(side: string, number: number): Sample {
  const [contentType, dataOf] = CONTENTS[number % CONTENTS.length] as Content;
  const data = dataOf(number);
  const attributes = {
    id: `${side}-${number}`,
    source: `/shops/${side}`,
    type: "com.example.order.created",
    subject: `Kunde ${number} – 顧客`,
    time: "2026-11-25T08:30:00.123456789+01:00",
    partitionkey: `order-${number}`,
    datacontenttype: contentType,
  };
  const request = number % 2 === 0 ? binary(attributes, data) : structured(attributes, contentType, data);
  return { id: attributes.id, attributes, data: Buffer.from(data), request };
}

/** Whether a delivery in binary mode is the event that was published. A bridge adds `bridgevia`, and nothing else. */
export function isSame(
  { attributes, data }: Sample,
  delivered: { readonly headers: IncomingHttpHeaders; readonly body: Buffer },
): boolean {
  const { "content-type": datacontenttype = "", ...headers } = delivered.headers;
  const arrived = Object.entries(headers)
    .filter(([name]) => name.startsWith("ce-") && name !== "ce-specversion" && name !== "ce-bridgevia")
    .map(([name, value]) => [name.slice(3), decodeURIComponent(`${value}`)]);
  return (
    data.equals(delivered.body) &&
    textOf(Object.entries(attributes)) === textOf([...arrived, ["datacontenttype", datacontenttype]])
  );
}

function textOf(attributes: readonly (readonly string[])[]): string {
  return JSON.stringify(attributes.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)));
}

function binary({ datacontenttype, ...attributes }: Record<string, string>, body: string | Buffer): RequestOptions {
  const headers = Object.entries({ specversion: "1.0", ...attributes }).map(([name, value]) => [
    `ce-${name}`,
    encodeURIComponent(value),
  ]);
  return { method: "POST", headers: { ...Object.fromEntries(headers), "content-type": `${datacontenttype}` }, body };
}

function structured(attributes: object, contentType: string, data: string | Buffer): RequestOptions {
  const head = JSON.stringify({ specversion: "1.0", ...attributes }).slice(0, -1);
  return {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: `${head}, ${memberOf(contentType, data)}}`,
  };
}

/** JSON goes in as it is spelled, which `JSON.stringify` could not do. */
function memberOf(contentType: string, data: string | Buffer): string {
  if (typeof data !== "string") return `"data_base64": "${data.toString("base64")}"`;
  return `"data": ${contentType === "application/json" ? data : JSON.stringify(data)}`;
}
