/**
 * Transformations through the real process: what an expression sees and may set, what makes it fail, and that nothing that
 * it does hurts another one or the program around it.
 */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { attributeOf, type Data, type Event } from "../../../src/event/event.ts";
import { encodeStructured } from "../../../src/event/json.ts";
import { TRANSFORM_BYTES_MAX, TRANSFORM_MS_MAX } from "../../../src/limits.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { openTransformer, type Transformed, type Transformer } from "../../../src/transform/transformer.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const open = (): Transformer => openTransformer(systemClock, silent);
const transformer = open();
afterAll(() => transformer.close());

const WAIT = { timeoutMs: 10_000, signal: new AbortController().signal };
const ORDER: Data = {
  kind: "json",
  bytes: Buffer.from('{"order": 12345678901234567890, "lines": [{"n": 2}, {"n": 3}]}'),
};

function eventOf(data: Data | undefined = ORDER, extra: Readonly<Record<string, string>> = {}): Event {
  const attributes = [
    { name: "id", type: "string", value: "A-1" },
    { name: "source", type: "uri-reference", value: "/shop" },
    { name: "type", type: "string", value: "order" },
    { name: "priority", type: "integer", value: "5" },
    ...Object.entries(extra).map(([name, value]) => ({ name, type: "string", value }) as const),
  ] as const;
  return { id: "A-1", source: "/shop", type: "order", attributes, data, structured: undefined };
}

const apply = (expression: string, event = eventOf()): Promise<Transformed> =>
  transformer.apply(expression, event, WAIT);

/** The outcome of one that takes all the time there is: on a machine that is busy with others it may hardly have run. */
async function decided(expression: string): Promise<Transformed> {
  const outcome = await apply(expression);
  return outcome.kind === "unavailable" ? decided(expression) : outcome;
}

async function transformed(expression: string, event?: Event): Promise<Event> {
  const outcome = await apply(expression, event);
  if (outcome.kind !== "transformed") throw new Error(JSON.stringify(outcome));
  return outcome.event;
}

const shown = async (expression: string, event?: Event): Promise<unknown> =>
  JSON.parse(encodeStructured(await transformed(expression, event)).toString());

describe("an expression", () => {
  it.each<[expression: string, changed: object]>([
    ['{ "data": { "total": $sum(data.lines.n) } }', { data: { total: 5 } }],
    [
      '{ "type": "com." & type, "subject": id, "time": "2026-01-01T00:00:00Z" }',
      { type: "com.order", subject: "A-1", time: "2026-01-01T00:00:00Z" },
    ],
    ['{ "priority": priority + 1, "urgent": priority > 3 }', { priority: 6, urgent: true }],
    ['{ "priority": null }', { priority: undefined }],
    ['{ "data": null }', { data: null }],
    ['{ "data": "text", "datacontenttype": "text/plain" }', { data: "text", datacontenttype: "text/plain" }],
    ['{ "data_base64": $base64encode("ab") }', { data_base64: "YWI=" }],
    ['$merge([$, { "data": 1 }])', { data: 1 }],
    ['$ ~> |$|{ "type": "x", "data": data.lines[0].n }|', { type: "x", data: 2 }],
    ["{}", {}],
    ['{ "id": id, "source": source, "specversion": specversion, "data": 1 }', { data: 1 }],
    ['{ "data": $keys($) }', { data: ["specversion", "id", "source", "type", "priority", "data"] }],
  ])("%s sets %j and nothing else", async (expression, changed) => {
    const before = JSON.parse(encodeStructured(eventOf()).toString()) as Record<string, unknown>;
    const { data_base64, ...after } = { ...before, ...changed } as Record<string, unknown>;
    const wanted = data_base64 === undefined ? after : { ...after, data: undefined, data_base64 };
    expect(await shown(expression)).toEqual(JSON.parse(JSON.stringify(wanted)));
  });

  it("leaves data that it does not set as the bytes that they are", async () => {
    const event = eventOf();
    expect((await transformed('{ "type": "x" }', event)).data).toBe(event.data);
    const bytes: Data = { kind: "binary", bytes: Buffer.from([0, 255]) };
    expect((await transformed('{ "tenant": "a" }', eventOf(bytes))).data).toEqual(bytes);
  });

  it("sees bytes as base64, text as a string, and no data where there is none", async () => {
    const seen = '{ "data": $exists(data_base64) ? $base64decode(data_base64) : $exists(data) ? data : "none" }';
    expect(await shown(seen, eventOf({ kind: "binary", bytes: Buffer.from("ab") }))).toMatchObject({ data: "ab" });
    const text = eventOf({ kind: "text", bytes: Buffer.from("ä") }, { datacontenttype: "text/plain" });
    expect(await shown(seen, text)).toMatchObject({ data: "ä" });
    expect(await shown(seen, { ...eventOf(), data: undefined })).toMatchObject({ data: "none" });
  });

  it("keeps the bytes under another content type, as bytes", async () => {
    const event = await transformed('{ "datacontenttype": "text/plain" }');
    expect(event.data).toEqual({ kind: "binary", bytes: ORDER.bytes });
    expect(attributeOf(event, "datacontenttype")).toBe("text/plain");
  });

  it("keeps nothing from one event to the next", async () => {
    const expression = '( $before := $seen; $seen := id; { "data": $exists($before) } )';
    for (let i = 0; i < 2; i++) expect(await shown(expression)).toMatchObject({ data: false });
  });
});

describe("a transformation fails", () => {
  it.each<[expression: string, message: string]>([
    ["data.lines.n", "gives no object of what it sets"],
    ["missing", "gives nothing"],
    ["[1, 2]", "gives no object"],
    ['{ "id": "other" }', "sets id, which identifies the event"],
    ['{ "source": "/other" }', "sets source"],
    ['{ "specversion": "0.3" }', "sets specversion"],
    ['{ "id": null }', "sets id"],
    ['{ "Type": "x" }', 'gives no valid event: attribute "Type"'],
    ['{ "type": "" }', 'attribute "type" is empty'],
    ['{ "time": "today" }', 'attribute "time"'],
    ['{ "priority": 1.5 }', 'attribute "priority" is not an integer'],
    ['{ "priority": {} }', 'attribute "priority" is a JSON object'],
    ['{ "data": {}, "datacontenttype": "text/plain" }', "must be a string, as text/plain is not JSON"],
    ['{ "data": 1, "data_base64": "YQ==" }', "together with data_base64"],
    ['{ "x": $pad("", 70000) }', "more than 65536 bytes"],
    [`{ "data": $pad("", ${TRANSFORM_BYTES_MAX}) }`, `gives more than ${TRANSFORM_BYTES_MAX}`],
    ['$error("not for us")', "failed: not for us"],
    ['{ "type": 1 + "x" }', 'failed: The right side of the "+" operator must evaluate to a number (at character 13)'],
    ["( $f := function() { 1 + $f() }; $f() )", "failed: "],
    ["( $f := function() { $f() }; $f() )", "failed: "],
    ['{ "data": [1..9999999] }', "failed: "],
    ["(", "is no JSONata"],
  ])("%s: %s", async (expression, message) => {
    expect(await decided(expression)).toEqual({ kind: "failed", message: expect.stringContaining(message) });
  });

  it("when the event is larger than what is taken", async () => {
    const event = eventOf({ kind: "binary", bytes: Buffer.alloc(TRANSFORM_BYTES_MAX) });
    expect(await apply("{}", event)).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("takes events of"),
    });
  });
});

describe("the process", () => {
  /** Backtracks for longer than anyone waits. */
  const endless = `{ "data": $contains("${"a".repeat(40)}!", /^(a+)+$/) }`;

  it("goes on after an expression that does not end", async () => {
    const [blocked, ...others] = await Promise.all([decided(endless), apply("{}"), apply('{ "type": "x" }')]);
    expect(blocked).toEqual({
      kind: "failed",
      message: `the transformation failed: it took longer than ${TRANSFORM_MS_MAX} ms`,
    });
    expect(others).toMatchObject([{ kind: "transformed" }, { kind: "transformed" }]);
    expect(await apply("{}")).toMatchObject({ kind: "transformed" });
  });

  it.each<[sentence: string, expression: string]>([
    ["allocates more than there is in one call", '{ "data": $pad("", 300000000) }'],
    ["keeps more than there is", '{ "data": $map([1..90000], function($i) { $split($pad("", 20000), "") }) }'],
  ])("is replaced when an expression %s, and what waits goes on in another one", async (_sentence, expression) => {
    const [hungry, ...others] = await Promise.all([decided(expression), apply("{}"), apply('{ "type": "x" }')]);
    expect(hungry).toEqual({ kind: "failed", message: expect.stringMatching(/ended by SIG|took longer than \d+ ms/) });
    expect(others).toMatchObject([{ kind: "transformed" }, { kind: "transformed" }]);
  });

  /** The processes that this one started. */
  const children = (): number[] =>
    readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ").map(Number);

  async function whileEvaluating(signal: NodeJS.Signals): Promise<Transformed> {
    const before = new Set(children());
    const own = open();
    await own.apply("{}", eventOf(), WAIT);
    const running = own.apply(endless, eventOf(), WAIT);
    for (const pid of children()) if (!before.has(pid)) process.kill(pid, signal);
    const outcome = await running;
    expect(await own.apply("{}", eventOf(), WAIT)).toMatchObject({ kind: "transformed" });
    await own.close();
    return outcome;
  }

  it.each(["SIGINT", "SIGTERM"] as const)(
    "takes no notice of %s, which the bus may get at the same time",
    async (signal) => {
      expect(await whileEvaluating(signal)).toMatchObject({ message: expect.stringContaining("took longer") });
    },
  );

  it("that somebody kills is no fault of the expression", async () => {
    expect(await whileEvaluating("SIGKILL")).toEqual({
      kind: "unavailable",
      message: "the transformation failed: its process ended by SIGKILL",
    });
  });

  it("serves expressions in turn: many events of a slow one don't starve another", async () => {
    const own = open();
    const slow = "( $f := function($n) { $n = 0 ? 0 : $f($n - 1) }; $f(10000); {} )";
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    await own.apply("{}", eventOf(), WAIT);
    const all = Array.from({ length: 10 }, () => own.apply(slow, eventOf(), WAIT).then(note("slow")));
    await Promise.all([...all, own.apply('{ "type": "fast" }', eventOf(), WAIT).then(note("fast"))]);
    expect(order.indexOf("fast")).toBeLessThanOrEqual(2);
    await own.close();
  });

  it("is not waited for beyond the timeout, nor after an abort", async () => {
    const own = open();
    const blocking = own.apply(endless, eventOf(), WAIT);
    expect(await own.apply("{}", eventOf(), { ...WAIT, timeoutMs: 10 })).toMatchObject({ kind: "unavailable" });
    const controller = new AbortController();
    const aborted = own.apply("{}", eventOf(), { ...WAIT, signal: controller.signal });
    controller.abort();
    expect(await aborted).toEqual({ kind: "aborted" });
    expect(await own.apply("{}", eventOf(), { ...WAIT, signal: controller.signal })).toEqual({ kind: "aborted" });
    await own.close();
    expect(await blocking).toMatchObject({ kind: "unavailable" });
    expect(await own.apply("{}", eventOf(), WAIT)).toMatchObject({ kind: "unavailable" });
  });
});

describe("the program around is out of reach", () => {
  it.each([
    "$.constructor",
    "constructor",
    "__proto__",
    "data.lines.constructor.constructor",
    '$lookup($, "constructor")',
    '$lookup($, "__proto__")',
    "$string.constructor",
    '$lookup($string, "constructor")',
    "$toString",
    "$constructor",
    "$__proto__",
    '$eval("$.constructor.constructor(\\"return process\\")()")',
    "$process",
    "$globalThis",
    "$window",
  ])("%s is nothing", async (expression) => {
    const outcome = await apply(`{ "data": $exists(${expression}) ? "something" : "nothing" }`);
    if (outcome.kind === "failed") return;
    expect(await shown(`{ "data": $exists(${expression}) ? "something" : "nothing" }`)).toMatchObject({
      data: "nothing",
    });
  });

  it("prototypes can't be changed for the next event", async () => {
    const attempts = [
      '{ "data": $merge([{ "__proto__": { "polluted": 1 } }]) }',
      '{ "data": $ ~> |$|{ "__proto__": { "polluted": 1 } }| }',
      '{ "data": { "constructor": { "prototype": { "polluted": 1 } } } }',
      '{ "data": $spread({ "__proto__": { "polluted": 1 } }) }',
      '{ "data": $lookup($lookup($, "constructor"), "prototype") ~> |$|{ "polluted": 1 }| }',
    ];
    for (const attempt of attempts) await apply(attempt);
    expect(
      await shown('{ "data": $exists(polluted) or $exists(data.polluted) or $exists({}.polluted) }'),
    ).toMatchObject({ data: false });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("an attribute called __proto__ is refused like any other with that name", async () => {
    expect(await apply('{ "__proto__": "x" }')).toMatchObject({
      kind: "failed",
      message: expect.stringContaining('"__proto__"'),
    });
  });
});

describe("an expression is checked", () => {
  it("before it is used", async () => {
    await expect(transformer.check('{ "data": data.x }', "/transform")).resolves.toBeUndefined();
    await expect(transformer.check('{ "data": ', "/transform")).rejects.toMatchObject({
      code: "invalid-request",
      at: "/transform",
      message: expect.stringMatching(/^transform: is no JSONata: .*at character 10\)$/),
    });
  });
});
