/**
 * Transformations, replies and data filters through the real process, with real webhooks: what is refused, what becomes
 * of failures, and that neither a hostile expression nor a crash costs an event.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deadLetters, QUICK_RETRY, showSubscription, statusBecomes, subscribe, unique } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { call, json, publish, send } from "../support/http.ts";
import { makeDirectory, type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

let bus: Pulsebus;
let url: string;

beforeAll(async () => {
  bus = await startPulsebus();
  url = bus.url;
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
});

interface Stored {
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
  readonly bridgevia?: string;
}

async function stored(topic: string, at = url): Promise<readonly Stored[]> {
  const { items } = await call<{ items: { event: Stored }[] }>(
    at,
    "GET",
    `/topics/${topic}/events?from=earliest&limit=1000`,
  );
  return items.map(({ event }) => event);
}

function reply(id: string, type = "answer"): Record<string, string> {
  return { "ce-specversion": "1.0", "ce-id": id, "ce-source": "/sink", "ce-type": type };
}

describe("a transformation", () => {
  it("that is no JSONata is refused when the subscription is made or changed, with its place", async () => {
    await using sink = await startReceiver();
    const topic = unique("refused");
    const input = { topic, sink: sink.url(), transform: '{ "data": ' };
    const headers = { "Content-Type": "application/json" };
    const created = await send(`${url}/subscriptions`, { method: "POST", headers, body: JSON.stringify(input) });
    expect(created.status).toBe(400);
    expect(json(created)).toMatchObject({
      at: "/transform",
      detail: expect.stringMatching(/is no JSONata.*character 10/),
    });
    const id = await subscribe(url, { ...input, transform: "{}" });
    const changed = await send(`${url}/subscriptions/${id}`, { method: "PUT", headers, body: JSON.stringify(input) });
    expect(changed.status).toBe(400);
    expect(await showSubscription(url, id)).toMatchObject({ transform: "{}" });
  });

  it("that fails makes a dead letter with the original event, delivered after a correction and a redrive", async () => {
    await using sink = await startReceiver();
    await using graveyard = await startReceiver();
    const topic = unique("failing");
    const input = { topic, sink: sink.url(), delivery: { deadLetter: { sink: graveyard.url() } } };
    const id = await subscribe(url, { ...input, transform: '{ "data": { "sum": 1 + data.n } }' });
    await publish(url, topic, { id: "bad", data: { n: "x" } });
    await publish(url, topic, { id: "good", data: { n: 2 } });
    await statusBecomes(url, id, { deadLetters: 1, delivered: 1 });

    const [letter] = await deadLetters(url, id);
    expect(letter).toMatchObject({
      reason: "transform",
      detail: expect.stringMatching(/^the transformation failed: .*must evaluate to a number/),
      event: { id: "bad", data: { n: "x" } },
    });
    const filtered = await call<{ items: unknown[] }>(url, "GET", `/subscriptions/${id}/dead-letters?reason=transform`);
    expect(filtered.items).toHaveLength(1);
    const [forwarded] = await graveyard.received(1);
    expect(forwarded?.body.toString()).toBe('{"n":"x"}');

    await call(url, "PUT", `/subscriptions/${id}`, {
      ...input,
      transform: '{ "data": { "sum": 1 + $number(data.n = "x" ? 0 : data.n) } }',
    });
    await call(url, "POST", `/subscriptions/${id}/dead-letters/redrive`, { all: true });
    const requests = await sink.received(2);
    expect(requests.map(({ id: event, body }) => [event, body.toString()])).toEqual([
      ["good", '{"sum":3}'],
      ["bad", '{"sum":1}'],
    ]);
  });

  it("works on the way into another topic, under loop protection", async () => {
    const [from, to] = [unique("raw"), unique("clean")];
    await call(url, "PUT", `/topics/${to}`);
    await subscribe(url, { topic: from, sink: `topic:${to}`, transform: '{ "type": "clean", "data": data.keep }' });
    await publish(url, from, { id: "1", data: { keep: [1], drop: "secret" } });
    const [event] = await eventually(async () => {
      const events = await stored(to);
      expect(events).toHaveLength(1);
      return events;
    });
    expect(event).toMatchObject({ id: "1", type: "clean", data: [1], bridgevia: expect.stringContaining(from) });
  });

  it("that never ends or takes all memory harms nobody else", async () => {
    await using sink = await startReceiver();
    const topic = unique("hostile");
    const endless = `{ "data": $contains("${"a".repeat(40)}!", /^(a+)+$/) }`;
    const hungry = '{ "data": $pad("", 300000000) }';
    const hostile = await Promise.all(
      [endless, hungry].map((transform) => subscribe(url, { topic, sink: sink.url("/hostile"), transform })),
    );
    const plain = await subscribe(url, { topic, sink: sink.url("/plain") });
    const fair = await subscribe(url, { topic, sink: sink.url("/fair"), transform: '{ "type": "fair" }' });
    for (const event of ["e0", "e1"]) await publish(url, topic, { id: event });
    await statusBecomes(url, plain, { delivered: 2 });
    await statusBecomes(url, fair, { delivered: 2, deadLetters: 0 }, 30_000);
    for (const id of hostile) {
      await statusBecomes(url, id, { delivered: 0, deadLetters: 2 }, 30_000);
      expect((await deadLetters(url, id)).map(({ reason }) => reason)).toEqual(["transform", "transform"]);
    }
    expect((await send(`${url}/readyz`)).status).toBe(200);
    expect(sink.ids("/hostile")).toEqual([]);
  }, 90_000);

  it("of the configuration stops a start that it can't compile in", async () => {
    const { runCommand } = await import("../support/command.ts");
    const { writeFile } = await import("node:fs/promises");
    const file = `${bus.dataDir}/bad.yaml`;
    await writeFile(
      file,
      `topics: { t: }\nsubscriptions: { s: { topic: t, sink: "http://a.example/", transform: "(" } }\n`,
    );
    const { exitCode, stderr } = await runCommand(["check", "--config", file]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/bad\.yaml:2:\d+: subscriptions\.s\.transform: is no JSONata/),
    });
  });
});

describe("a reply", () => {
  it("is published, and a sink without one is done all the same", async () => {
    await using sink = await startReceiver(({ id }) =>
      id === "ask"
        ? { status: 200, headers: { ...reply("r"), "content-type": "application/json" }, body: '{"n":1}' }
        : { status: 200, body: "OK" },
    );
    const [questions, answers] = [unique("questions"), unique("answers")];
    const id = await subscribe(url, { topic: questions, sink: sink.url(), replies: { topic: answers } });
    for (const event of ["ask", "tell"]) await publish(url, questions, { id: event });
    await statusBecomes(url, id, { delivered: 2 });
    expect(await stored(answers)).toMatchObject([{ id: "r", type: "answer", data: { n: 1 } }]);
    expect(sink.requests.map(({ headers }) => headers.prefer)).toEqual(["reply", "reply"]);
  });

  it("that is malformed is asked for again, and one in a 202 is never published", async () => {
    await using sink = await startReceiver(({ id, headers }) => {
      if (id === "accepted") return { status: 202, headers: reply("no") };
      const isFirst = headers["pulsebus-attempt"] === "1";
      return { status: 200, headers: isFirst ? { ...reply("r"), "ce-source": "" } : reply("r") };
    });
    const [questions, answers] = [unique("questions"), unique("answers")];
    const delivery = { retry: QUICK_RETRY };
    const id = await subscribe(url, { topic: questions, sink: sink.url(), replies: { topic: answers }, delivery });
    for (const event of ["ask", "accepted"]) await publish(url, questions, { id: event });
    const { lastError } = await statusBecomes(url, id, { delivered: 2, parked: 0 });
    expect(lastError).toMatch(
      /^reply: the sink answered 200 with a reply that is no event: attribute "source" is empty/,
    );
    expect((await stored(answers)).map(({ id: event }) => event)).toEqual(["r"]);
    expect(sink.ids().sort()).toEqual(["accepted", "ask", "ask"]);
  });

  it("is durable before the delivery is done", async () => {
    await using sink = await startReceiver(({ id }) => ({ status: 200, headers: reply(`r-${id}`) }));
    const dataDir = await makeDirectory();
    const count = 60;
    const ids = Array.from({ length: count }, (_, n) => `q${n}`);
    {
      await using first = await startPulsebus({ dataDir });
      await subscribe(first.url, { id: "s", topic: "questions", sink: sink.url(), replies: { topic: "answers" } });
      await Promise.all(ids.map((id) => publish(first.url, "questions", { id })));
      await sink.received(count / 4);
      await first.stop("SIGKILL");
    }
    await using second = await startPulsebus({ dataDir });
    await eventually(async () => {
      const answered = new Set((await stored("answers", second.url)).map(({ id }) => id));
      expect([...answered].sort()).toEqual(ids.map((id) => `r-${id}`).sort());
    }, 20_000);
    await statusBecomes(second.url, "s", { backlog: 0, parked: 0, inFlight: 0, deadLetters: 0 });
  });

  it("to a reply ends where the conversation comes back to", async () => {
    await using sink = await startReceiver(({ id, path }) => ({ status: 200, headers: reply(`${path}${id}`) }));
    const [ping, pong] = [unique("ping"), unique("pong")];
    const first = await subscribe(url, { topic: ping, sink: sink.url("/a"), replies: { topic: pong } });
    const second = await subscribe(url, { topic: pong, sink: sink.url("/b"), replies: { topic: ping } });
    await publish(url, ping, { id: "0" });
    const { status } = await eventually(async () => {
      const shown = await showSubscription(url, second);
      expect(shown.status).toMatchObject({ loopDropped: 1 });
      return shown;
    });
    expect(status).toMatchObject({ deadLetters: 0, parked: 0 });
    await statusBecomes(url, first, { delivered: 1, backlog: 0 });
    expect(sink.ids()).toEqual(["0", "/a0"]);
  });

  it("is not asked for by a test of the subscription", async () => {
    await using sink = await startReceiver(() => ({ status: 200, headers: reply("r") }));
    const [questions, answers] = [unique("questions"), unique("answers")];
    const id = await subscribe(url, { topic: questions, sink: sink.url(), replies: { topic: answers } });
    expect(await call(url, "POST", `/subscriptions/${id}/test`)).toMatchObject({ outcome: "response", status: 200 });
    expect(sink.requests[0]?.headers.prefer).toBeUndefined();
    expect(await stored(answers)).toEqual([]);
  });

  it("goes out transformed, and comes back as the sink made it", async () => {
    await using sink = await startReceiver(({ body }) => ({
      status: 200,
      headers: { ...reply("r"), "content-type": "application/json" },
      body: body.toString(),
    }));
    const [questions, answers] = [unique("questions"), unique("answers")];
    const transform = '{ "data": { "only": data.a } }';
    await subscribe(url, { topic: questions, sink: sink.url(), replies: { topic: answers }, transform });
    await publish(url, questions, { id: "1", data: { a: 1, b: 2 } });
    await eventually(async () => expect(await stored(answers)).toMatchObject([{ data: { only: 1 } }]));
  });
});

describe("a filter on data", () => {
  it("lets through what matches, and its errors show in status and metrics", async () => {
    await using sink = await startReceiver();
    const topic = unique("data");
    const filters = [{ data: { pointer: "/total", gte: "9007199254740993" } }];
    const id = await subscribe(url, { topic, sink: sink.url(), filters });
    const headers = { "ce-specversion": "1.0", "ce-source": "/s", "ce-type": "t", "Content-Type": "application/json" };
    for (const [event, body] of Object.entries({
      below: '{"total": 9007199254740992}',
      equal: '{"total": 9007199254740993}',
      broken: '{"total": ',
    })) {
      const sent = await send(`${url}/topics/${topic}/events`, {
        method: "POST",
        headers: { ...headers, "ce-id": event },
        body,
      });
      expect(sent.status).toBe(202);
    }
    await statusBecomes(url, id, { delivered: 1, filterErrors: 1, lastFilterError: "filters[0].data: malformedJson" });
    expect(sink.ids()).toEqual(["equal"]);
    const metrics = (await send(`${url}/metrics`)).body.toString();
    expect(metrics).toContain(`pulsebus_filter_errors_total{subscription="${id}",kind="malformedJson"} 1`);
  });
});
