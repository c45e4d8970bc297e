/** Talks to a running server: the management API and the publish path, with errors in words for people. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { parseHttpUrl } from "./address.ts";
import { CommandFailure } from "./failure.ts";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Statuses that are an answer and no failure, besides 2xx. */
  readonly accept?: readonly number[];
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** What an error answer says (RFC 9457); everything may be missing, since proxies answer too. */
interface ProblemDocument {
  readonly type?: string;
  readonly detail?: string;
  readonly index?: number;
}

/** The server refused the call. */
export class RefusedCall extends CommandFailure {
  readonly status: number;
  /** The event of a batch that is at fault. */
  readonly index: number | undefined;

  constructor(answer: Answer) {
    const problem = readProblem(answer);
    const code = problem.type?.split("/").at(-1);
    super(`${problem.detail ?? `the server answered ${answer.status}`}${code === undefined ? "" : ` [${code}]`}`);
    this.status = answer.status;
    this.index = problem.index;
  }
}

export class Client {
  readonly url: URL;

  constructor(url: string) {
    this.url = parseHttpUrl("--url", url);
  }

  /** Throws `CommandFailure`: no server there, or the server refused. Nothing is sent twice. */
  async call(method: string, path: string, call: Call = {}): Promise<Answer> {
    const answer = await this.#send(method, path, call);
    const isFine = (answer.status >= 200 && answer.status < 300) || call.accept?.includes(answer.status);
    if (!isFine) throw new RefusedCall(answer);
    return answer;
  }

  /** `Body` is what the API's description says; the server vouches for it. */
  async read<Body>(path: string): Promise<Body> {
    return parseJson((await this.call("GET", path)).body) as Body;
  }

  /** `document` undefined sends no body. */
  async send<Body>(method: "POST" | "PUT", path: string, document: unknown): Promise<Body> {
    const json = { headers: { "Content-Type": "application/json" }, body: JSON.stringify(document) };
    const answer = await this.call(method, path, document === undefined ? {} : json);
    return parseJson(answer.body) as Body;
  }

  /** All items of a list, page by page. */
  async *list<Item>(path: string, query: URLSearchParams = new URLSearchParams()): AsyncGenerator<Item> {
    let cursor: string | null = null;
    do {
      if (cursor !== null) query.set("cursor", cursor);
      const page: ListPage<Item> = await this.read(`${path}?${query}`);
      yield* page.items;
      cursor = page.next;
    } while (cursor !== null);
  }

  async #send(method: string, path: string, call: Call): Promise<Answer> {
    const { request } = this.url.protocol === "https:" ? await import("node:https") : await import("node:http");
    const target = new URL(this.url.pathname.replace(/\/$/, "") + path, this.url);
    return new Promise((resolve, reject) => {
      const headers = { ...call.headers, "Content-Length": Buffer.byteLength(call.body ?? "") };
      const req = request(target, { method, headers }, (res) => {
        readAll(res).then((body) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }), reject);
      });
      req.on("error", (error: NodeJS.ErrnoException) => reject(this.#unreachable(error)));
      req.end(call.body);
    });
  }

  #unreachable(error: NodeJS.ErrnoException): CommandFailure {
    const server = this.url.href.replace(/\/$/, "");
    if (error.code !== "ECONNREFUSED") return new CommandFailure(`${server} can't be reached: ${error.message}`);
    return new CommandFailure(`no server at ${server}; start one with \`pulsebus serve\``);
  }
}

/** Numbers that JavaScript would change on the way through stay as they were sent, so that events are shown as they are. */
function parseJson(body: Buffer): unknown {
  return JSON.parse(body.toString(), keepNumber as (key: string, value: unknown) => unknown);
}

/** JSON.parse source text access, and its counterpart, are in V8 and not yet in the compiler's library. */
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

function keepNumber(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const isChanged = typeof value === "number" && source !== undefined && String(value) !== source;
  return isChanged ? rawJson(source) : value;
}

function readProblem(answer: Answer): ProblemDocument {
  try {
    const document: unknown = JSON.parse(answer.body.toString());
    return typeof document === "object" && document !== null ? document : {};
  } catch {
    return {};
  }
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
