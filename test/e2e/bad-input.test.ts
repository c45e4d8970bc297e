/** What is no valid event is refused with its status and the name of what is wrong, and nothing of it is stored. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unique } from "../support/api.ts";
import { call, json, type Reply, send } from "../support/http.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";

let bus: Pulsebus;
let target: string;
const topic = unique("bad");

beforeAll(async () => {
  bus = await startPulsebus();
  target = `${bus.url}/topics/${topic}/events`;
  await call(bus.url, "PUT", `/topics/${topic}`);
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
});

interface Problem {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly at?: string;
  readonly index?: number;
}

interface Refusal {
  readonly status?: number;
  readonly code?: string;
  /** The attribute that is named. */
  readonly at?: string | undefined;
  readonly index?: number;
}

async function expectRefusal(
  reply: Reply,
  { status = 400, code = "invalid-event", at, index }: Refusal,
): Promise<void> {
  expect(reply.status, reply.body.toString()).toBe(status);
  expect(reply.headers["content-type"]).toBe("application/problem+json");
  const problem = json<Problem>(reply);
  expect(problem.type).toBe(`https://pulsebus.dev/problems/${code}`);
  expect(problem.status).toBe(status);
  if (at !== undefined) expect(problem).toMatchObject({ at, detail: expect.stringContaining(at) });
  if (index !== undefined) expect(problem.index).toBe(index);
  const { items } = await call<{ items: unknown[] }>(bus.url, "GET", `/topics/${topic}/events`);
  expect(items).toEqual([]);
}

const HEADERS = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t" };

function binary(changes: Readonly<Record<string, string | undefined>>, body = "x"): Promise<Reply> {
  const headers = Object.entries({ ...HEADERS, ...changes }).filter(([, value]) => value !== undefined);
  return send(target, { method: "POST", headers: Object.fromEntries(headers) as Record<string, string>, body });
}

describe("in binary mode", () => {
  it.each([
    ["no specversion", { "ce-specversion": undefined }, "specversion"],
    ["an unknown specversion", { "ce-specversion": "2.0" }, "specversion"],
    ["no id", { "ce-id": undefined }, "id"],
    ["an empty id", { "ce-id": "" }, "id"],
    ["no source", { "ce-source": undefined }, "source"],
    ["an empty source", { "ce-source": "" }, "source"],
    ["a source that is no URI reference", { "ce-source": "a b" }, "source"],
    ["no type", { "ce-type": undefined }, "type"],
    ["an empty type", { "ce-type": "" }, "type"],
    ["an empty subject", { "ce-subject": "" }, "subject"],
    ["a time that is none", { "ce-time": "yesterday" }, "time"],
    ["a time without an offset", { "ce-time": "2026-11-25T18:00:00" }, "time"],
    ["a day that does not exist", { "ce-time": "2026-02-30T00:00:00Z" }, "time"],
    ["a relative dataschema", { "ce-dataschema": "schema.json" }, "dataschema"],
    ["a name with an underscore", { "ce-my_ext": "x" }, "my_ext"],
    ["a name with a hyphen", { "ce-my-ext": "x" }, "my-ext"],
    ["an attribute called data", { "ce-data": "x" }, "data"],
    ["an encoded control character", { "ce-subject": "a%00b" }, "subject"],
    ["an encoded line break", { "ce-subject": "a%0Ab" }, "subject"],
    ["an encoded noncharacter", { "ce-subject": "%EF%BF%BE" }, "subject"],
    ["an encoded lone surrogate", { "ce-subject": "%ED%A0%80" }, "subject"],
    ["percent-encoding that is no UTF-8", { "ce-subject": "%FF%FE" }, "subject"],
    ["a content type that is none", { "Content-Type": "json" }, "datacontenttype"],
  ])("refuses %s", async (_, changes, at) => {
    await expectRefusal(await binary(changes), { at });
  });

  it("refuses a request that is no event at all", async () => {
    await expectRefusal(await send(target, { method: "POST", body: '{"hello":1}' }), { at: "specversion" });
  });

  it("refuses a content coding", async () => {
    await expectRefusal(await binary({ "Content-Encoding": "gzip" }), { status: 415, code: "unsupported-media-type" });
  });

  it("refuses an event over the limit, and its attributes over theirs", async () => {
    await expectRefusal(await binary({}, "x".repeat(2 ** 20 + 1)), { status: 413, code: "too-large" });
    await expectRefusal(await binary({ "ce-subject": "x".repeat(70_000) }), { status: 413, code: "too-large" });
  });

  it("refuses an unknown query, a topic's name that is none, and an unknown method", async () => {
    const post = (path: string) => send(bus.url + path, { method: "POST", headers: HEADERS, body: "x" });
    await expectRefusal(await post(`/topics/${topic}/events?wait=1`), { code: "invalid-request", at: "wait" });
    await expectRefusal(await post("/topics/no%20name/events"), { code: "invalid-request" });
    await expectRefusal(await post("/topics/pulsebus.mine/events"), { code: "invalid-request" });
    await expectRefusal(await send(target, { method: "PATCH" }), { status: 405, code: "method-not-allowed" });
  });
});

const DOCUMENT = { specversion: "1.0", id: "1", source: "/s", type: "t" };
const STRUCTURED = { "Content-Type": "application/cloudevents+json" };

/** `members` is JSON text that follows the required members. */
function structured(members: string): Promise<Reply> {
  const body = `${JSON.stringify(DOCUMENT).slice(0, -1)}${members === "" ? "" : `,${members}`}}`;
  return send(target, { method: "POST", headers: STRUCTURED, body });
}

describe("in structured mode", () => {
  it.each([
    ["an upper-case name", '"Subject":"x"', "Subject"],
    ["a name with an underscore", '"my_ext":"x"', "my_ext"],
    ["an empty name", '"":"x"', undefined],
    ["a number that is no integer", '"ext":1.5', "ext"],
    ["an integer beyond 32 bits", '"ext":2147483648', "ext"],
    ["an integer in exponential form", '"ext":1e3', "ext"],
    ["an object as an attribute", '"ext":{"a":1}', "ext"],
    ["an array as an attribute", '"ext":[1]', "ext"],
    ["a number as the subject", '"subject":7', "subject"],
    ["a member given twice", '"ext":"a","ext":"b"', "ext"],
    ["a required member given twice", '"id":"2"', "id"],
    ["a member given twice in other spelling", '"ext":"a","\\u0065xt":"b"', "ext"],
    ["data together with data_base64", '"data":1,"data_base64":"AA=="', "data"],
    ["data_base64 that is none", '"data_base64":"?"', "data_base64"],
    ["data_base64 that is no string", '"data_base64":1', "data_base64"],
    ["an escaped control character", '"subject":"a\\u0000b"', "subject"],
    ["an escaped lone surrogate", '"subject":"a\\ud800b"', "subject"],
    ["an escaped noncharacter", '"subject":"a\\uffffb"', "subject"],
    ["a time that is none", '"time":"now"', "time"],
  ])("refuses %s", async (_, members, at) => {
    await expectRefusal(await structured(members), { at });
  });

  it.each([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["text behind the document", `${JSON.stringify(DOCUMENT)} x`],
    ["a comment", `{/**/${JSON.stringify(DOCUMENT).slice(1)}`],
    ["an empty body", ""],
  ])("refuses %s", async (_, body) => {
    await expectRefusal(await send(target, { method: "POST", headers: STRUCTURED, body }), {});
  });

  it("refuses bytes that are no UTF-8", async () => {
    const body = Buffer.concat([
      Buffer.from(JSON.stringify(DOCUMENT).slice(0, -1)),
      Buffer.from(',"subject":"\xff"}', "latin1"),
    ]);
    await expectRefusal(await send(target, { method: "POST", headers: STRUCTURED, body }), {});
  });

  it("refuses an event format that it does not know", async () => {
    const headers = { "Content-Type": "application/cloudevents+avro" };
    const reply = await send(target, { method: "POST", headers, body: "x" });
    await expectRefusal(reply, { status: 415, code: "unsupported-media-type" });
  });
});

describe("in a batch", () => {
  function batch(...events: readonly object[]): Promise<Reply> {
    const headers = { "Content-Type": "application/cloudevents-batch+json" };
    return send(target, { method: "POST", headers, body: JSON.stringify(events) });
  }

  it("refuses the whole batch for one event, and says which", async () => {
    await expectRefusal(await batch(DOCUMENT, { ...DOCUMENT, id: "2" }, { ...DOCUMENT, id: "" }), {
      at: "id",
      index: 2,
    });
  });

  it("refuses mixed specversions", async () => {
    const old = { specversion: "0.3", id: "2", source: "/s", type: "t" };
    await expectRefusal(await batch(DOCUMENT, old), { at: "specversion", index: 1 });
  });

  it("refuses more events than the limit", async () => {
    const events = Array.from({ length: 10_001 }, () => DOCUMENT);
    await expectRefusal(await batch(...events), { status: 413, code: "too-large" });
  });
});

describe("what is legal although it looks odd", () => {
  it("is accepted: names of object members, 64 KiB, nothing at all as data", async () => {
    const other = `${bus.url}/topics/${unique("odd")}/events`;
    const post = (body: string) => send(other, { method: "POST", headers: STRUCTURED, body });
    const shadow = { ...DOCUMENT, constructor: "x", tostring: "y", hasownproperty: "z" };
    expect((await post(JSON.stringify(shadow))).status).toBe(202);
    expect((await post(JSON.stringify({ ...DOCUMENT, data: "x".repeat(64 * 1024) }))).status).toBe(202);
    expect((await post(JSON.stringify({ ...DOCUMENT, data: null }))).status).toBe(202);
    expect((await post(JSON.stringify(DOCUMENT))).status).toBe(202);
  });
});
