/** The commands against a running bus. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Client } from "../../src/cli/client.ts";
import { TemporarySubscription } from "../../src/cli/temporary-subscription.ts";
import { deadLetters, showSubscription, statusBecomes, subscribe, unique } from "../support/api.ts";
import { type CommandOptions, runCommand, startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { call, publish, send } from "../support/http.ts";
import { type Pulsebus, startPulsebus } from "../support/pulsebus.ts";
import { startReceiver } from "../support/receiver.ts";

let bus: Pulsebus;
let directory: string;

beforeAll(async () => {
  bus = await startPulsebus();
  directory = await mkdtemp(join(tmpdir(), "pulsebus-cli-"));
});

afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function run(argv: readonly string[], options: CommandOptions = {}) {
  return runCommand(argv, { ...options, env: { PULSEBUS_URL: bus.url } });
}

interface Stored {
  readonly event: { readonly [name: string]: unknown };
}

/** The events of a topic, as text, since numbers matter. */
async function stored(topic: string): Promise<Stored["event"][]> {
  const { items } = await call<{ items: Stored[] }>(bus.url, "GET", `/topics/${topic}/events`);
  return items.map(({ event }) => event);
}

/** `$0` is the Node.js of the tests, the working directory that of the repository. */
function bash(script: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const cwd = new URL("../../", import.meta.url).pathname;
  return promisify(execFile)("bash", ["-c", script, process.execPath], { cwd, timeout: 20_000 });
}

describe("publish", () => {
  it("makes an event of its options, and says what was accepted", async () => {
    const topic = unique("publish");
    const argv = ["publish", "--topic", topic, "--type", "t", "--id", "P 1", "--source", "/s", "--subject", "größe"];
    const { exitCode, stdout } = await run([
      ...argv,
      "--ext",
      "level=high=er",
      "--time",
      "2026-01-01T00:00:00Z",
      "--data",
      '{"a":1}',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`accepted t P 1 from /s on topic ${topic}\n`);
    expect(await stored(topic)).toEqual([
      {
        specversion: "1.0",
        id: "P 1",
        source: "/s",
        type: "t",
        subject: "größe",
        time: "2026-01-01T00:00:00Z",
        datacontenttype: "application/json",
        level: "high=er",
        data: { a: 1 },
      },
    ]);
  });

  it("invents an id and a content type, and nothing else", async () => {
    const topic = unique("invent");
    const { documents } = await run(["publish", "--topic", topic, "--type", "t", "--json"], { input: "plain text" });
    const [accepted] = documents<{ id: string }>();
    expect(accepted).toEqual({
      topic,
      source: "/pulsebus/cli",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: "t",
    });
    expect(await stored(topic)).toMatchObject([{ id: accepted?.id, datacontenttype: "text/plain; charset=utf-8" }]);
    expect(Object.keys((await stored(topic))[0] ?? {})).not.toContain("time");
  });

  it("publishes an event without data when nothing is piped in", async () => {
    const topic = unique("empty");
    expect((await run(["publish", "--topic", topic, "--type", "t"], { input: "" })).exitCode).toBe(0);
    expect((await run(["publish", "--topic", topic, "--type", "t"])).exitCode).toBe(0);
    for (const event of await stored(topic)) expect(event).not.toHaveProperty("data");
  });

  it("sends the bytes of a file as they are", async () => {
    const topic = unique("file");
    const file = join(directory, "bytes");
    await writeFile(file, Buffer.from([0, 255, 1]));
    const argv = ["publish", "--topic", topic, "--type", "t", "--data-file", file, "--content-type", "image/x-tiny"];
    expect((await run(argv)).exitCode).toBe(0);
    expect(await stored(topic)).toMatchObject([{ datacontenttype: "image/x-tiny", data_base64: "AP8B" }]);
    const missing = await run([...argv, "--data-file", join(directory, "missing")]);
    expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/missing can't be read: ENOENT/) });
  });

  it("makes one event of each line", async () => {
    const topic = unique("lines");
    const input = '{"n":1}\r\n\nnot json\n{"n":2}';
    const { exitCode, stdout } = await run(["publish", "--topic", topic, "--type", "t", "--lines"], { input });
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(3);
    expect((await stored(topic)).map(({ data }) => data)).toEqual([{ n: 1 }, "not json", { n: 2 }]);
  });

  it("publishes lines as they come", async () => {
    const topic = unique("stream");
    const command = startCommand(["publish", "--topic", topic, "--type", "t", "--lines", "--data-file", "-"], {
      env: { PULSEBUS_URL: bus.url },
    });
    command.stdin.write("one\ntw");
    await eventually(() => expect(command.stdout()).toMatch(/^accepted t .*\n$/));
    command.stdin.end("o\n");
    expect(await command.exitCode).toBe(0);
    expect((await stored(topic)).map(({ data }) => data)).toEqual(["one", "two"]);
  });

  it("takes whole events: one, an array of them, or one each line", async () => {
    const topic = unique("whole");
    const event = (id: string) => `{"specversion":"1.0","id":"${id}","source":"/s","type":"t"}`;
    const publishWhole = (input: string, ...more: string[]) =>
      run(["publish", "--topic", topic, "--structured", ...more], { input });
    expect((await publishWhole(event("1"))).stdout).toBe(`accepted t 1 from /s on topic ${topic}\n`);
    expect((await publishWhole(` [${event("2")},${event("3")}]`)).exitCode).toBe(0);
    expect((await publishWhole(`${event("4")}\n${event("5")}\n`, "--lines")).exitCode).toBe(0);
    expect((await stored(topic)).map(({ id }) => id)).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("says what the server refuses, and which event of many it is", async () => {
    const topic = unique("refused");
    for (const [flag, value] of [
      ["--source", "not a uri"],
      ["--ext", "my ext=x"],
      ["--content-type", "日本"],
    ] as const) {
      const one = await run(["publish", "--topic", topic, "--type", "t", flag, value, "--data", "x"]);
      expect(one).toMatchObject({
        exitCode: 1,
        stdout: "",
        stderr: expect.stringMatching(/^pulsebus: attribute .*\n$/),
      });
    }
    const input =
      '{"specversion":"1.0","id":"1","source":"/s","type":"t"}\n{"specversion":"1.0","id":"","source":"/s","type":"t"}\n';
    const lines = await run(["publish", "--topic", topic, "--structured", "--lines"], { input });
    expect(lines).toMatchObject({ exitCode: 1, stdout: "" });
    expect(lines.stderr).toMatch(/event 2: .*"id"/);
  });
});

describe("listen", () => {
  it("prints events as they come, and leaves no subscription behind", async () => {
    const topic = unique("listen");
    await publish(bus.url, topic, { id: "L-0", data: { n: 12 } });
    const listen = startCommand(["listen", "--topic", topic, "--from", "earliest", "--url", bus.url]);
    await eventually(() => expect(listen.stdout()).toContain("com.example.test L-0 from /test\n"));
    await publish(bus.url, topic, { id: "L-1", subject: "s", data: { text: "ä" } });
    await eventually(() => expect(listen.stdout()).toContain('L-1 from /test\n  subject: s\n  {"text":"ä"}\n'));
    listen.interrupt();
    expect(await listen.exitCode).toBe(0);
    const { items } = await call<{ items: unknown[] }>(bus.url, "GET", `/subscriptions?topic=${topic}`);
    expect(items).toEqual([]);
  });

  it("prints each event as one line of JSON, numbers and all, filtered by type", async () => {
    const topic = unique("listen-json");
    const argv = ["listen", "--topic", topic, "--from", "earliest", "--types", "a,b", "--json"];
    const body = '{"specversion":"1.0","id":"1","source":"/s",\n"type":"a","data":{"big":12345678901234567890}}';
    const headers = { "Content-Type": "application/cloudevents+json" };
    await call(bus.url, "PUT", `/topics/${topic}`);
    const post = (text: string) => send(`${bus.url}/topics/${topic}/events`, { method: "POST", headers, body: text });
    await post(body.replace('"a"', '"c"'));
    await post(body);
    const listen = startCommand(argv, { env: { PULSEBUS_URL: bus.url } });
    await eventually(() => expect(listen.stdout()).toMatch(/\n$/));
    listen.interrupt();
    await listen.exitCode;
    expect(listen.documents()).toMatchObject([{ id: "1", type: "a" }]);
    expect(listen.stdout()).toContain("12345678901234567890");
  });

  it("sends events on, and lets the answer decide", async () => {
    const topic = unique("forward");
    let status = 503;
    await using target = await startReceiver(() => {
      const answer = status;
      status = 204;
      return answer;
    });
    const listen = startCommand(["listen", "--topic", topic, "--forward", target.url("/in"), "--url", bus.url]);
    await eventually(() => expect(listen.stderr()).toContain("listening to topic"));
    await publish(bus.url, topic, { id: "F-1", data: { n: 1 } });
    const [first, second] = await target.received(2);
    expect(first).toMatchObject({
      path: "/in",
      id: "F-1",
      headers: { "ce-id": "F-1", "content-type": "application/json" },
    });
    expect(first?.body.toString()).toBe('{"n":1}');
    expect(second?.headers["pulsebus-attempt"]).toBe("2");
    await eventually(() => expect(listen.stderr()).toMatch(/answered 503\n[\s\S]*answered 204\n/));
    listen.interrupt();
    expect(await listen.exitCode).toBe(0);
  });
});

describe("the subscription of listen", () => {
  it("is renewed while it is open, made again when it is gone, and deleted at the end", async () => {
    const topic = unique("temporary");
    const notes: string[] = [];
    const input = { topic, sink: "http://127.0.0.1:1/" };
    const subscription = new TemporarySubscription(new Client(bus.url), input, (text) => notes.push(text), 3_000);
    await subscription.open();
    const path = `/subscriptions/${subscription.id}`;
    const { expires } = await showSubscription(bus.url, subscription.id);
    await eventually(async () => expect((await showSubscription(bus.url, subscription.id)).expires).not.toBe(expires));
    await call(bus.url, "DELETE", path);
    await eventually(async () => expect((await send(bus.url + path)).status).toBe(200));
    await eventually(() => expect(notes).toEqual([expect.stringMatching(/made again: events may be missing/)]));
    await subscription.close();
    expect((await send(bus.url + path)).status).toBe(404);
  });
});

describe("topics", () => {
  it("are created, listed, shown and deleted", async () => {
    const topic = unique("cli-topic");
    const file = join(directory, "topic.json");
    await writeFile(file, '{"retention":{"maxAge":"2d"}}');
    expect(await run(["topics", "create", topic, "--file", file])).toMatchObject({
      exitCode: 0,
      stdout: `topic ${topic} is there\n`,
    });
    expect((await run(["topics", "show", topic])).stdout).toMatch(/^topic: +cli-topic[\s\S]*retention: +2d, 10GiB\n/);
    expect((await run(["topics", "list"])).stdout).toMatch(
      new RegExp(`^TOPIC  .*\\n[\\s\\S]*^${topic}  +embedded`, "m"),
    );
    expect((await run(["topics", "list", "--json"])).documents()).toContainEqual(
      expect.objectContaining({ name: topic }),
    );
    expect((await run(["topics", "delete", topic])).stdout).toBe(`deleted topic ${topic}\n`);
    const gone = await run(["topics", "show", topic]);
    expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/\[unknown-topic\]\n$/) });
  });
});

describe("subscriptions and dead letters", () => {
  it("are created, shown, paused, resumed and deleted", async () => {
    const [topic, id] = [unique("cli"), unique("cli-sub")];
    const sink = "http://127.0.0.1:1/";
    const created = await run([
      "subscriptions",
      "create",
      "--topic",
      topic,
      "--sink",
      sink,
      "--id",
      id,
      "--types",
      "a,b",
      "--types",
      "c",
    ]);
    expect(created).toMatchObject({ exitCode: 0, stdout: `created subscription ${id}\n` });
    const shown = await run(["subscriptions", "show", id]);
    expect(shown.stdout).toMatch(/types: +a, b, c\n[\s\S]*state: +active\n/);
    expect((await run(["subscriptions", "pause", id, "--reason", "lunch"])).stdout).toBe(
      `subscription ${id} is paused\n`,
    );
    expect((await run(["subscriptions", "show", id])).stdout).toMatch(/state: +paused \(lunch\)\n/);
    expect((await run(["subscriptions", "resume", id])).stdout).toBe(`subscription ${id} is active\n`);
    const listed = await run(["subscriptions", "list", "--topic", topic]);
    expect(listed.stdout.trim().split("\n")).toHaveLength(2);
    expect((await run(["subscriptions", "delete", id])).exitCode).toBe(0);
    expect(await run(["subscriptions", "list", "--topic", topic])).toMatchObject({
      stdout: "",
      stderr: "there are no subscriptions\n",
    });
  });

  it("takes a whole subscription from a pipe", async () => {
    const [topic, id] = [unique("cli"), unique("cli-sub")];
    const input = JSON.stringify({ id, topic, sink: "http://127.0.0.1:1/", filters: [{ prefix: { type: "a." } }] });
    expect((await run(["subscriptions", "create", "--file", "-"], { input })).exitCode).toBe(0);
    expect((await run(["subscriptions", "show", id])).stdout).toContain('[{"prefix":{"type":"a."}}]');
    const broken = await run(["subscriptions", "create", "--file", "-"], { input: "{" });
    expect(broken).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/is not JSON/) });
  });

  it("lists, shows, redrives and discards what was given up, and traces an event", async () => {
    let status = 400;
    await using sink = await startReceiver(() => ({ status, body: "no\u001b[31m thanks" }));
    const topic = unique("cli-dead");
    const id = await subscribe(bus.url, { topic, sink: sink.url() });
    for (const event of ["D-1", "D-2", "D-3"]) await publish(bus.url, topic, { id: event, data: { big: 1 } });
    await statusBecomes(bus.url, id, { deadLetters: 3 });

    const list = await run(["dead-letters", "list", id]);
    expect(list.stdout).toMatch(/^ID .*REASON/);
    expect(list.stdout.trim().split("\n")).toHaveLength(4);
    const one = (await deadLetters(bus.url, id)).find(({ event }) => event?.id === "D-1");
    const shown = await run(["dead-letters", "show", id, one?.id ?? ""]);
    expect(shown.stdout).toMatch(
      /reason: +rejected[\s\S]*last answer: +no\ufffd\[31m thanks[\s\S]*D-1 from \/test\n[\s\S]*\nATTEMPT/,
    );
    const filtered = await run(["dead-letters", "list", id, "--filter", "eventId=D-2", "--json"]);
    expect(filtered.documents()).toMatchObject([{ event: { id: "D-2" } }]);

    const trace = await run(["trace", "--topic", topic, "--source", "/test", "--id", "D-1"]);
    expect(trace.stdout).toMatch(new RegExp(`^stored .*\\nSUBSCRIPTION[\\s\\S]*${id} +dead-lettered +1 +400`));
    const unknown = await run(["trace", "--topic", topic, "--source", "/test", "--id", "D-9"]);
    expect(unknown).toMatchObject({ exitCode: 1, stderr: `pulsebus: topic ${topic} has no event D-9 of /test\n` });

    status = 204;
    expect((await run(["dead-letters", "redrive", id, one?.id ?? ""])).stdout).toBe("delivering 1 dead letters\n");
    await statusBecomes(bus.url, id, { deadLetters: 2, delivered: 1 });
    expect((await run(["dead-letters", "discard", id, "--filter", "eventId=D-2"])).stdout).toBe(
      "discarding 1 dead letters\n",
    );
    await statusBecomes(bus.url, id, { deadLetters: 1 });
    expect((await run(["dead-letters", "discard", id, "--all"])).exitCode).toBe(0);
    await statusBecomes(bus.url, id, { deadLetters: 0 });
  });
});

describe("the installed command", () => {
  it("ends quietly, and leaves nothing behind, when nobody reads its output any more", async () => {
    const topic = unique("pipe");
    const listen = `"$0" bin/pulsebus.js listen --topic ${topic} --from earliest --json --url ${bus.url}`;
    const piped = bash(`set -o pipefail; ${listen} | head -1`);
    // It notices when it writes, and head may take more than one line before it goes.
    const publishing = setInterval(() => publish(bus.url, topic, { id: "1" }), 100);
    const { stdout, stderr } = await piped.finally(() => clearInterval(publishing));
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^listening to topic .*\n$/);
    const { items } = await call<{ items: unknown[] }>(bus.url, "GET", `/subscriptions?topic=${topic}`);
    expect(items).toEqual([]);
  });

  it("runs through its launcher", async () => {
    const { stdout } = await bash(`"$0" bin/pulsebus.js topics list --json --url ${bus.url}`);
    expect(stdout).toMatch(/^(\{.*\}\n)*$/);
  });
});
