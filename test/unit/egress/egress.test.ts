import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { Destination } from "../../../src/egress/destination.ts";
import { type Egress, type EgressOptions, openEgress } from "../../../src/egress/egress.ts";
import type { EgressRequest } from "../../../src/egress/result.ts";
import {
  RESPONSE_BYTES_MAX,
  RESPONSE_EXCERPT_BYTES,
  SINK_CONNECTIONS_MAX,
  SINK_ORIGINS_MAX,
} from "../../../src/limits.ts";
import { startHttpServer, startTcpServer, unusedPort } from "../../support/servers.ts";
import { SELF_SIGNED } from "./self-signed.ts";

const NEVER = new AbortController().signal;
const PROMPT_MS = 500;
/** Connections that requests one after the other take: undici has not freed the first when its response has ended. */
const ONE_AFTER_THE_OTHER = 2;

function open(options: Partial<EgressOptions> = {}): Egress {
  const egress = openEgress({ allow: ["127.0.0.0/8"], ...options });
  onTestFinished(() => egress.close());
  return egress;
}

function destination(url: string): Destination {
  return open().destination(url);
}

function post(overrides: Partial<EgressRequest> = {}): EgressRequest {
  return { method: "POST", headers: [], body: Buffer.from("hello"), timeoutMs: 10_000, ...overrides };
}

function closed(socket: Socket | undefined): Promise<void> {
  return vi.waitFor(() => expect(socket?.destroyed).toBe(true), { timeout: 5_000 });
}

async function took<T>(work: Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const start = performance.now();
  const result = await work;
  return { result, ms: performance.now() - start };
}

describe("a request that is answered", () => {
  it("sends method, path, query, headers and body as they are, and asks for an uncompressed answer", async () => {
    const bodies: string[] = [];
    const seen: unknown[] = [];
    const server = await startHttpServer(async (request, response) => {
      seen.push([request.method, request.url, request.headers]);
      for await (const chunk of request) bodies.push(String(chunk));
      response.end();
    });
    const headers = ["X-One", "1", "content-type", "text/plain"];
    await destination(`${server.origin}/a%20b/c?d=e&d=f`).request(post({ headers }), NEVER);
    expect(bodies).toEqual(["hello"]);
    expect(seen).toEqual([
      [
        "POST",
        "/a%20b/c?d=e&d=f",
        {
          host: `127.0.0.1:${server.port}`,
          connection: "keep-alive",
          "x-one": "1",
          "content-type": "text/plain",
          "accept-encoding": "identity",
          "content-length": "5",
        },
      ],
    ]);
  });

  it("sends a request without body as one of no bytes", async () => {
    const lengths: unknown[] = [];
    const server = await startHttpServer((request, response) => {
      lengths.push(request.headers["content-length"]);
      response.end();
    });
    await destination(server.origin).request(post({ body: undefined }), NEVER);
    expect(lengths).toEqual(["0"]);
  });

  it.each([
    [200, ""],
    [202, ""],
    [204, ""],
    [299, ""],
    [300, "why"],
    [400, "why"],
    [404, "why"],
    [410, "why"],
    [429, "why"],
    [500, "why"],
    [503, "why"],
    [599, "why"],
  ])("reports %i, with the body's beginning %j", async (status, excerpt) => {
    const server = await startHttpServer((_request, response) => response.writeHead(status).end("why"));
    const result = await destination(server.origin).request(post(), NEVER);
    expect(result).toEqual({ kind: "response", status, retryAfter: undefined, excerpt });
  });

  it("reports Retry-After as it was sent", async () => {
    const server = await startHttpServer((_request, response) =>
      response.writeHead(503, { "retry-after": "120" }).end(),
    );
    expect(await destination(server.origin).request(post(), NEVER)).toMatchObject({ status: 503, retryAfter: "120" });
  });

  it("follows no redirect", async () => {
    const target = await startHttpServer((_request, response) => response.end());
    const server = await startHttpServer((_request, response) =>
      response.writeHead(307, { location: `${target.origin}/` }).end(),
    );
    expect(await destination(server.origin).request(post(), NEVER)).toMatchObject({ kind: "response", status: 307 });
    expect(target.sockets).toHaveLength(0);
  });

  it("takes no notice of a proxy in the environment", async () => {
    const proxy = await startHttpServer((_request, response) => response.writeHead(502).end());
    const server = await startHttpServer((_request, response) => response.end());
    for (const name of ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]) vi.stubEnv(name, proxy.origin);
    vi.stubEnv("NODE_USE_ENV_PROXY", "1");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await destination(server.origin).request(post(), NEVER)).toMatchObject({ status: 200 });
    expect(proxy.sockets).toHaveLength(0);
  });

  it("looks past interim answers", async () => {
    const server = await startTcpServer((socket) => {
      socket.once("data", () =>
        socket.write(
          "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
        ),
      );
    });
    expect(await destination(server.origin).request(post(), NEVER)).toMatchObject({ status: 404, excerpt: "no" });
  });

  it("keeps the beginning of a long body, and cuts no character in two", async () => {
    const text = `x${"ä".repeat(RESPONSE_EXCERPT_BYTES)}`;
    const server = await startHttpServer((_request, response) => response.writeHead(500).end(text));
    const result = await destination(server.origin).request(post(), NEVER);
    expect(result).toMatchObject({ excerpt: text.slice(0, RESPONSE_EXCERPT_BYTES / 2) });
  });

  it.each([
    [200, true],
    [299, true],
    [300, false],
    [500, false],
  ])("hands out what a %i says when it is asked to: %s", async (status, isKept) => {
    const server = await startHttpServer((_request, response) =>
      response.writeHead(status, { "X-Name": "\u00e4", "Content-Type": "text/plain" }).end("why"),
    );
    const result = await destination(server.origin).request(post({ keepAnswer: true }), NEVER);
    const headers = expect.arrayContaining(["X-Name", "\u00e4", "Content-Type", "text/plain"]);
    expect(result).toMatchObject(isKept ? { status, answer: { headers, body: Buffer.from("why") } } : { status });
    expect("answer" in result).toBe(isKept);
  });

  it("hands out the headers alone when the body is longer than is read", async () => {
    const server = await startHttpServer((_request, response) => response.end("x".repeat(RESPONSE_BYTES_MAX + 1)));
    const result = await destination(server.origin).request(post({ keepAnswer: true }), NEVER);
    expect(result).toMatchObject({ status: 200, answer: { body: undefined } });
  });

  it("verifies certificates", async () => {
    const server = createTlsServer(SELF_SIGNED, (_request, response) => response.end()).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const result = await destination(`https://127.0.0.1:${port}/`).request(post(), NEVER);
    expect(result).toMatchObject({
      kind: "failure",
      error: "connection",
      message: expect.stringMatching(/self-signed/),
    });
  });
});

describe("connections", () => {
  it("are kept and used again", async () => {
    const server = await startHttpServer((request, response) => request.resume().on("end", () => response.end("ok")));
    const sink = destination(server.origin);
    for (let count = 0; count < 20; count += 1) await sink.request(post(), NEVER);
    expect(server.sockets.length).toBeLessThanOrEqual(ONE_AFTER_THE_OTHER);
  });

  it("are shared by all destinations of an origin", async () => {
    const server = await startHttpServer((_request, response) => response.end());
    const egress = open();
    for (const path of ["/a", "/b", "/c", "/d"]) await egress.destination(server.origin + path).request(post(), NEVER);
    expect(server.sockets.length).toBeLessThanOrEqual(ONE_AFTER_THE_OTHER);
  });

  it(`are at most ${SINK_CONNECTIONS_MAX}, and the requests above wait for them`, async () => {
    const server = await startHttpServer((request, response) => request.resume().on("end", () => response.end("ok")));
    const sink = destination(server.origin);
    const results = await Promise.all(Array.from({ length: 300 }, () => sink.request(post(), NEVER)));
    expect(results.filter((result) => result.kind === "response" && result.status === 200)).toHaveLength(300);
    expect(server.sockets).toHaveLength(SINK_CONNECTIONS_MAX);
  });

  it("are replaced when the sink closes them", async () => {
    const server = await startHttpServer((_request, response) =>
      response.writeHead(200, { connection: "close" }).end("ok"),
    );
    const sink = destination(server.origin);
    for (let count = 0; count < 5; count += 1) {
      expect(await sink.request(post(), NEVER)).toMatchObject({ status: 200 });
    }
    expect(server.sockets).toHaveLength(5);
  });

  it("are closed when they are not used for as long as the sink said", async () => {
    const server = await startHttpServer((_request, response) =>
      response.writeHead(200, { "keep-alive": "timeout=2" }).end("ok"),
    );
    await destination(server.origin).request(post(), NEVER);
    const [socket] = server.sockets;
    await closed(socket);
    expect(server.openSockets()).toBe(0);
  });

  it(`are open to ${SINK_ORIGINS_MAX} origins; the one used least recently gives way`, async () => {
    const server = await startHttpServer((_request, response) => response.end());
    const egress = open({ resolve: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]) });
    const urlOf = (index: number): string => `http://h${index}.test:${server.port}/`;
    const send = (index: number) => egress.destination(urlOf(index)).request(post(), NEVER);
    for (let index = 0; index < SINK_ORIGINS_MAX; index += 1) await send(index);
    await send(0);
    const oldest = server.sockets[1];
    await send(SINK_ORIGINS_MAX);
    await closed(oldest);
    expect(server.openSockets()).toBe(SINK_ORIGINS_MAX);
    await send(0);
    expect(server.sockets).toHaveLength(SINK_ORIGINS_MAX + 1);
  });
});

describe("a sink that misbehaves", () => {
  it("fails the request when nothing listens, and says where", async () => {
    const port = await unusedPort();
    const result = await destination(`http://127.0.0.1:${port}`).request(post(), NEVER);
    expect(result).toEqual({
      kind: "failure",
      error: "connection",
      message: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  it("fails the request when the name does not exist", async () => {
    const egress = open({
      resolve: (name, _options, done) => done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`)), []),
    });
    const result = await egress.destination("http://nowhere.test/").request(post(), NEVER);
    expect(result).toMatchObject({
      kind: "failure",
      error: "connection",
      message: expect.stringMatching(/ENOTFOUND nowhere\.test/),
    });
  });

  it.each<readonly [name: string, answer: (socket: Socket) => void]>([
    ["is reset before the response", (socket) => socket.resetAndDestroy()],
    ["is closed before the response", (socket) => socket.end()],
    [
      "is reset in the middle of the response",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", () => socket.resetAndDestroy());
      },
    ],
    [
      "is closed in the middle of the response",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"),
    ],
    ["carries another protocol", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
    [
      "carries broken chunks",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    ],
    [
      "carries two lengths",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
    ],
    [
      "is upgraded unasked",
      (socket) => socket.end("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ],
  ])(
    "fails the request when the connection %s, and the next one gets a connection of its own",
    async (_name, answer) => {
      let connections = 0;
      const server = await startTcpServer((socket) => {
        connections += 1;
        const good = connections > 1;
        socket.once("data", () => {
          if (good) socket.write("HTTP/1.1 204 No Content\r\n\r\n");
          else answer(socket);
        });
      });
      const sink = destination(server.origin);
      expect(await sink.request(post(), NEVER)).toMatchObject({
        kind: "failure",
        error: "connection",
        message: expect.stringMatching(/\w/),
      });
      expect(await sink.request(post(), NEVER)).toMatchObject({ kind: "response", status: 204 });
    },
  );

  it("takes an endless response as answered, and reads little of it", async () => {
    let written = 0;
    const server = await startTcpServer((socket) => {
      const chunk = Buffer.alloc(16 * 1024, "x");
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk)) written += chunk.length;
      };
      socket.once("data", () => {
        socket.write("HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n");
        socket.on("drain", pump);
        pump();
      });
    });
    const { result, ms } = await took(destination(server.origin).request(post(), NEVER));
    expect(result).toMatchObject({ kind: "response", status: 500, excerpt: "x".repeat(RESPONSE_EXCERPT_BYTES) });
    expect(ms).toBeLessThan(2_000);
    const [socket] = server.sockets;
    await closed(socket);
    // What the kernel buffered on both sides was written too; it is bounded.
    expect(written).toBeLessThan(20 * 1024 * 1024);
  });

  it.each([
    { bytes: RESPONSE_BYTES_MAX, connections: ONE_AFTER_THE_OTHER },
    { bytes: RESPONSE_BYTES_MAX + 1, connections: 6 },
  ])("gives up the connection only after more than the limit: $bytes bytes", async ({ bytes, connections }) => {
    const server = await startHttpServer((_request, response) => response.end(Buffer.alloc(bytes)));
    const sink = destination(server.origin);
    for (let count = 0; count < 6; count += 1) {
      expect(await sink.request(post(), NEVER)).toMatchObject({ kind: "response", status: 200 });
    }
    expect(server.sockets).toHaveLength(connections);
  });

  it("fails the request when the headers are too long", async () => {
    const server = await startTcpServer((socket) => {
      socket.once("data", () => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(64 * 1024)}\r\n\r\n`));
    });
    const result = await destination(server.origin).request(post(), NEVER);
    expect(result).toMatchObject({ kind: "failure", error: "response-too-large" });
  });
});

/** What a request waits for, and what it says about it when it has waited too long. */
const WAITS: readonly {
  readonly what: string;
  readonly scheme: "http" | "https";
  readonly answer: (socket: Socket) => void;
  readonly message: RegExp;
}[] = [
  { what: "the end of the TLS handshake", scheme: "https", answer: () => {}, message: /no connection after 300 ms/ },
  { what: "the response", scheme: "http", answer: () => {}, message: /no response after 300 ms/ },
  {
    what: "the end of the headers",
    scheme: "http",
    answer: (socket) => drip(socket, "HTTP/1.1 200 OK\r\n", "x: y\r\n"),
    message: /no response after 300 ms/,
  },
  {
    what: "the end of the body",
    scheme: "http",
    answer: (socket) => drip(socket, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", "x"),
    message: /no end of the response after 300 ms/,
  },
];

function drip(socket: Socket, start: string, drop: string): void {
  socket.write(start);
  const timer = setInterval(() => socket.write(drop), 20);
  socket.on("close", () => clearInterval(timer));
}

describe("the deadline", () => {
  it.each(WAITS)("covers the wait for $what, and the connection is dropped", async ({ scheme, answer, message }) => {
    const server = await startTcpServer((socket) => void socket.once("data", () => answer(socket)));
    const sink = destination(`${scheme}://127.0.0.1:${server.port}/`);
    const { result, ms } = await took(sink.request(post({ timeoutMs: 300 }), NEVER));
    expect(result).toMatchObject({ kind: "failure", error: "timeout", message: expect.stringMatching(message) });
    expect(ms).toBeGreaterThan(290);
    expect(ms).toBeLessThan(300 + PROMPT_MS);
    const [socket] = server.sockets;
    if (scheme === "http") await closed(socket);
  });

  it("covers the wait for a free connection", async () => {
    const server = await startTcpServer(() => {});
    const sink = destination(server.origin);
    const held = new AbortController();
    const holding = Array.from({ length: SINK_CONNECTIONS_MAX }, () => sink.request(post(), held.signal));
    const result = await sink.request(post({ timeoutMs: 200 }), NEVER);
    expect(result).toMatchObject({ error: "timeout", message: expect.stringMatching(/64 connections .* 200 ms/) });
    held.abort();
    await Promise.all(holding);
  });

  it("frees the places of the requests that it ended", async () => {
    let answering = false;
    const server = await startHttpServer((_request, response) => {
      if (answering) response.end();
    });
    const sink = destination(server.origin);
    const hanging = Array.from({ length: SINK_CONNECTIONS_MAX + 20 }, () =>
      sink.request(post({ timeoutMs: 200 }), NEVER),
    );
    for (const result of await Promise.all(hanging)) expect(result).toMatchObject({ error: "timeout" });
    answering = true;
    expect(await sink.request(post(), NEVER)).toMatchObject({ status: 200 });
  });
});

describe("an abort", () => {
  it.each(WAITS)("ends the wait for $what at once", async ({ scheme, answer }) => {
    const server = await startTcpServer((socket) => void socket.once("data", () => answer(socket)));
    const abort = new AbortController();
    const pending = destination(`${scheme}://127.0.0.1:${server.port}/`).request(post(), abort.signal);
    await vi.waitFor(() => expect(server.sockets).toHaveLength(1));
    abort.abort();
    const { result, ms } = await took(pending);
    expect(result).toEqual({ kind: "aborted" });
    expect(ms).toBeLessThan(50);
  });

  it("sends nothing when it comes first", async () => {
    const server = await startTcpServer(() => {});
    const result = await destination(server.origin).request(post(), AbortSignal.abort());
    expect(result).toEqual({ kind: "aborted" });
    expect(server.sockets).toHaveLength(0);
  });

  it("withdraws a request that waits for a connection, which is never sent", async () => {
    const paths: unknown[] = [];
    const answers: (() => void)[] = [];
    const server = await startHttpServer((request, response) => {
      paths.push(request.url);
      answers.push(() => response.end());
    });
    const egress = open();
    const sink = egress.destination(`${server.origin}/held`);
    const held = Array.from({ length: SINK_CONNECTIONS_MAX }, () => sink.request(post(), NEVER));
    const abort = new AbortController();
    const waiting = egress.destination(`${server.origin}/withdrawn`).request(post(), abort.signal);
    const after = egress.destination(`${server.origin}/after`).request(post(), NEVER);
    abort.abort();
    expect(await waiting).toEqual({ kind: "aborted" });
    await vi.waitFor(() => expect(answers).toHaveLength(SINK_CONNECTIONS_MAX));
    for (const answer of answers) answer();
    await Promise.all(held);
    await vi.waitFor(() => expect(paths).toContain("/after"));
    answers.at(-1)?.();
    await after;
    expect(paths).not.toContain("/withdrawn");
  });

  it("writes nothing for a request whose connection comes too late", async () => {
    const paths: unknown[] = [];
    const answers: ((address: string) => void)[] = [];
    const server = await startHttpServer((request, response) => {
      paths.push(request.url);
      response.end();
    });
    const egress = open({
      resolve: (_name, _options, done) => answers.push((address) => done(null, [{ address, family: 4 }])),
    });
    const abort = new AbortController();
    const late = egress.destination(`http://late.test:${server.port}/late`).request(post(), abort.signal);
    abort.abort();
    expect(await late).toEqual({ kind: "aborted" });
    answers.shift()?.("127.0.0.1");
    await vi.waitFor(() => expect(server.sockets).toHaveLength(1));
    const then = egress.destination(`http://late.test:${server.port}/then`).request(post(), NEVER);
    answers.shift()?.("127.0.0.1");
    expect(await then).toMatchObject({ status: 200 });
    expect(paths).toEqual(["/then"]);
  });

  it("of one signal leaves the requests of another alone", async () => {
    const server = await startHttpServer((_request, response) => void setTimeout(() => response.end(), 100));
    const sink = destination(server.origin);
    const abort = new AbortController();
    const mine = sink.request(post(), abort.signal);
    const other = sink.request(post(), NEVER);
    abort.abort();
    expect(await mine).toEqual({ kind: "aborted" });
    expect(await other).toMatchObject({ status: 200 });
  });

  it("happens to a destination's own requests when it is closed, and to those made after", async () => {
    const server = await startHttpServer((request, response) => {
      if (request.url === "/open") setTimeout(() => response.end(), 100);
    });
    const egress = open();
    const closing = egress.destination(`${server.origin}/closing`);
    const hanging = closing.request(post(), NEVER);
    const other = egress.destination(`${server.origin}/open`).request(post(), NEVER);
    closing.close();
    expect(await hanging).toEqual({ kind: "aborted" });
    expect(await closing.request(post(), NEVER)).toEqual({ kind: "aborted" });
    expect(await other).toMatchObject({ status: 200 });
  });

  it("happens to everything when the client is closed, which leaves no connection behind", async () => {
    const server = await startTcpServer(() => {});
    const egress = openEgress({ allow: ["127.0.0.1"] });
    const sink = egress.destination(server.origin);
    const hanging = Array.from({ length: SINK_CONNECTIONS_MAX + 5 }, () => sink.request(post(), NEVER));
    await vi.waitFor(() => expect(server.sockets).toHaveLength(SINK_CONNECTIONS_MAX));
    await egress.close();
    for (const result of await Promise.all(hanging)) expect(result).toEqual({ kind: "aborted" });
    await vi.waitFor(() => expect(server.openSockets()).toBe(0));
    expect(await sink.request(post(), NEVER)).toEqual({ kind: "aborted" });
  });
});

describe("a request that can't be sent", () => {
  it.each([
    ["a value that ends the line", ["x-a", "1\r\nx-injected: 2"]],
    ["a value with a NUL", ["x-a", "1\0"]],
    ["a name that is none", ["x a", "1"]],
    ["a name that ends the line", ["x-a: 1\r\nx-injected", "2"]],
    ["its own framing", ["transfer-encoding", "chunked"]],
    ["a length that is not the body's", ["content-length", "999"]],
    ["an expectation", ["expect", "100-continue"]],
    ["a second host", ["host", "a.test", "host", "b.test"]],
  ])("because of %s is refused as such, and nothing is written", async (_what, headers) => {
    const server = await startHttpServer((_request, response) => response.end());
    const sink = destination(server.origin);
    const result = await sink.request(post({ headers }), NEVER);
    expect(result).toMatchObject({ kind: "unsendable", message: expect.stringMatching(/header|length/i) });
    expect(server.sockets.reduce((bytes, socket) => bytes + socket.bytesRead, 0)).toBe(0);
    expect(await sink.request(post(), NEVER)).toMatchObject({ status: 200 });
  });

  it.each(["", "/path", "ftp://example.com/", "topic:orders", "http://", "http://[::1%25eth0]/", "http://a b/"])(
    "because its URL is %j is refused when the destination is made",
    (url) => {
      expect(() => destination(url)).toThrow(expect.objectContaining({ code: "invalid-request" }));
    },
  );

  it("because of credentials in its URL is refused without repeating them", () => {
    expect(() => destination("http://user:secret@example.com/")).toThrow(/credentials/);
    expect(() => destination("http://user:secret@example.com/")).not.toThrow(/secret/);
  });
});

describe("the guard", () => {
  it.each([
    ...["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1."],
    ...["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]"],
    ...["0.0.0.0", "0", "[::]", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[fe80::1]", "①②⑦.0.0.1"],
    "localhost",
    "LOCALHOST",
  ])("refuses http://%s/, and says which setting permits it", async (host) => {
    const server = await startTcpServer(() => {});
    const egress = open({ allow: [] });
    const result = await egress.destination(`http://${host}:${server.port}/`).request(post(), NEVER);
    expect(result).toMatchObject({
      kind: "failure",
      error: "egress-refused",
      message: expect.stringMatching(/egress\.allow/),
    });
    expect(server.sockets).toHaveLength(0);
  });

  it.each([
    { answers: ["10.0.0.1"], allow: [] },
    { answers: ["93.184.216.34", "10.0.0.1"], allow: [] },
    { answers: ["2606:4700::1111", "::1"], allow: [] },
    { answers: ["127.0.0.1", "169.254.169.254"], allow: ["127.0.0.1"] },
    { answers: ["::ffff:127.0.0.1"], allow: [] },
    { answers: ["fe80::1%1"], allow: [] },
  ])("refuses a name that resolves to $answers where $allow is allowed", async ({ answers, allow }) => {
    const server = await startTcpServer(() => {});
    const egress = open({
      allow,
      resolve: (_name, _options, done) =>
        done(
          null,
          answers.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        ),
    });
    const result = await egress.destination(`http://sink.test:${server.port}/`).request(post(), NEVER);
    expect(result).toMatchObject({
      error: "egress-refused",
      message: expect.stringMatching(/^sink\.test resolves to/),
    });
    expect(server.sockets).toHaveLength(0);
  });

  it("looks again at each new connection, for a name may resolve to something else by then", async () => {
    const server = await startHttpServer((_request, response) =>
      response.writeHead(200, { connection: "close" }).end(),
    );
    const answers = ["127.0.0.1", "127.0.0.2"];
    const egress = open({
      allow: ["127.0.0.1"],
      resolve: (_name, _options, done) => done(null, [{ address: answers.shift() ?? "", family: 4 }]),
    });
    const sink = egress.destination(`http://rebound.test:${server.port}/`);
    expect(await sink.request(post(), NEVER)).toMatchObject({ status: 200 });
    expect(await sink.request(post(), NEVER)).toMatchObject({ error: "egress-refused" });
  });

  it("looks at the address that was really connected to", async () => {
    // Linux connects to 127.0.0.1 when asked for 0.0.0.0.
    const server = await startTcpServer(() => {});
    const egress = open({ allow: ["0.0.0.0"] });
    const result = await egress.destination(`http://0.0.0.0:${server.port}/`).request(post(), NEVER);
    expect(result).toMatchObject({ error: "egress-refused", message: expect.stringMatching(/127\.0\.0\.1/) });
    expect(server.sockets.reduce((bytes, socket) => bytes + socket.bytesRead, 0)).toBe(0);
  });

  it("permits what is allowed, as a literal and as a name", async () => {
    const server = await startHttpServer((_request, response) => response.end());
    const egress = open({
      allow: ["127.0.0.0/8"],
      resolve: (_name, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
    });
    for (const host of ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "sink.test"]) {
      const result = await egress.destination(`http://${host}:${server.port}/`).request(post(), NEVER);
      expect(result, host).toMatchObject({ status: 200 });
    }
  });
});
