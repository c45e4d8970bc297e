/** A webhook receiver on this machine, for `pulsebus listen`. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { request as secureRequest } from "node:https";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Answers with the status that `handle` gives, 500 when it throws. The path is a secret, so that nobody else is heard. */
export class Receiver {
  readonly #path = `/${randomUUID()}`;
  readonly #server: Server;

  constructor(handle: (received: Received) => Promise<number>) {
    this.#server = createServer(async (req, res) => {
      const status = await this.#answer(req, handle);
      res.writeHead(status).end();
    });
  }

  /** Answers the address to deliver to. */
  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#path}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(req: IncomingMessage, handle: (received: Received) => Promise<number>): Promise<number> {
    if (req.url !== this.#path) return 404;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      return await handle({ rawHeaders: req.rawHeaders, body: Buffer.concat(chunks) });
    } catch {
      return 500;
    }
  }
}

/** Fields that speak of one connection, or that the next request gets anew. */
const HOP_FIELDS = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

/** Sends what was received on to another address; answers its status. Rejects when nobody answers there. */
export function forward({ rawHeaders, body }: Received, target: URL): Promise<number> {
  const headers = ["Host", target.host, "Content-Length", String(body.length)];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = "", value = ""] = rawHeaders.slice(i, i + 2);
    if (!HOP_FIELDS.has(name.toLowerCase())) headers.push(name, value);
  }
  const send = target.protocol === "https:" ? secureRequest : request;
  return new Promise((resolve, reject) => {
    const req = send(target, { method: "POST", headers }, (res) => {
      res.resume();
      res.on("end", () => resolve(res.statusCode ?? 502));
      res.on("error", reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}
