/** One HTTP request, with full control over its head; and the API of a running bus in few words. */
import { type IncomingHttpHeaders, request } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Rejects when the connection fails; an answer of any status resolves. */
export function send(url: string, { method = "GET", headers, body }: RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const req = request(url, { method, headers: { ...length, ...headers } }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** What the answer's JSON holds is for the test to say. */
export function json<Body>(reply: Reply): Body {
  return JSON.parse(reply.body.toString()) as Body;
}

export interface TestEvent {
  readonly id: string;
  readonly source?: string;
  readonly type?: string;
  readonly data?: unknown;
  readonly [extension: string]: unknown;
}

/** A management call that has to succeed. */
export async function call<Body>(url: string, method: string, path: string, body?: unknown): Promise<Body> {
  const options =
    body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const reply = await send(url + path, { method, ...options });
  if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.body}`);
  return json<Body>(reply.body.length === 0 ? { ...reply, body: Buffer.from("null") } : reply);
}

export function publish(url: string, topic: string, event: TestEvent): Promise<Reply> {
  return send(`${url}/topics/${topic}/events`, {
    method: "POST",
    headers: { "Content-Type": "application/cloudevents+json" },
    body: JSON.stringify(completed(event)),
  });
}

export function publishBatch(url: string, topic: string, events: readonly TestEvent[]): Promise<Reply> {
  return send(`${url}/topics/${topic}/events`, {
    method: "POST",
    headers: { "Content-Type": "application/cloudevents-batch+json" },
    body: JSON.stringify(events.map(completed)),
  });
}

function completed(event: TestEvent): object {
  return { specversion: "1.0", source: "/test", type: "com.example.test", ...event };
}
