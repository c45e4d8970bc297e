/** A webhook receiver that keeps a ledger of what it got. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { HTTP } from "cloudevents";
import { eventually } from "./eventually.ts";
import { track } from "./leaks.ts";

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The event's id, as another implementation reads it; undefined for what is no event. */
  readonly id: string | undefined;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

/** A status, or a status with more. */
type Answer = number | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

export type Handler = (request: ReceivedRequest) => Answer | Promise<Answer>;

export class TestReceiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  readonly #server;
  readonly #untrack: () => void;
  #port = 0;
  #answering = 0;

  constructor(handler: Handler) {
    this.#server = createServer({ maxHeaderSize: 256 * 1024 }, async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const { url: path = "/", headers } = req;
      const request = { path, headers, body, id: idOf(headers, body), at: performance.now() };
      this.requests.push(request);
      this.#answering += 1;
      const answer = await handler(request);
      this.#answering -= 1;
      const {
        status,
        headers: more,
        body: text,
      } = typeof answer === "number" ? ({ status: answer } as Exclude<Answer, number>) : answer;
      res.writeHead(status, more).end(text);
    });
    this.#untrack = track("receiver", () => void this.#server.close());
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get port(): number {
    return this.#port;
  }

  url(path = "/"): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** The ids of what came, in order, for one path or all. */
  ids(path?: string): string[] {
    return this.requests.filter((request) => path === undefined || request.path === path).map(({ id }) => id ?? "?");
  }

  /** Waits until `count` requests came, and answers them. */
  async received(count: number, withinMs?: number): Promise<readonly ReceivedRequest[]> {
    return eventually(() => {
      if (this.requests.length < count) throw new Error(`${this.requests.length} of ${count} requests came`);
      return this.requests;
    }, withinMs);
  }

  /** Waits until no connection is open and no request is being answered any more. */
  async idle(withinMs?: number): Promise<void> {
    await eventually(async () => {
      const count = await new Promise<number>((resolve) => this.#server.getConnections((_, open) => resolve(open)));
      if (count + this.#answering > 0) throw new Error(`${count} connections are open, ${this.#answering} requests`);
    }, withinMs);
  }

  /** Refuses connections from now on. */
  async goDown(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Takes connections again, on the same port. */
  async goUp(): Promise<void> {
    await this.listen(this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#untrack();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Answers 204 unless told otherwise. */
export function startReceiver(handler: Handler = () => 204): Promise<TestReceiver> {
  return new TestReceiver(handler).listen();
}

function idOf(headers: IncomingHttpHeaders, body: Buffer): string | undefined {
  const id = headers["ce-id"];
  if (typeof id === "string") return decodeURIComponent(id);
  try {
    const event = HTTP.toEvent({ headers, body: body.toString() });
    return Array.isArray(event) ? undefined : event.id;
  } catch {
    return undefined;
  }
}
