/**
 * A TCP proxy that looks at what a broker sends: how often each event passed on the wire, whatever the protocol. Events
 * carry a mark in their data, which none of the protocols changes. A mark that is split by a frame of its protocol is
 * missed, so a count may be too low, never too high.
 *
 * Kafka's adapter looks at the oldest record of a backlog through a connection that it closes at once; what passes there
 * is read and not delivered. So only connections that last count.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const MARK = /<mark [a-z0-9-]{1,64}>/g;
const MARK_CHARS_MAX = 72;
/** A look at a topic takes some milliseconds. */
const LASTING_MS = 3_000;

interface Connection {
  readonly openedAt: number;
  closedAt: number;
  readonly counts: Map<string, number>;
}

export function markOf(id: string): string {
  return `<mark ${id}>`;
}

export class Tap {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connections: Connection[] = [];

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#join(client, target));
  }

  /** In front of a port of 127.0.0.1. */
  static async open(target: number, port: number): Promise<Tap> {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    return new Tap(server, target);
  }

  /** How often the broker has sent the event with this id. */
  count(id: string): number {
    const mark = markOf(id);
    const now = performance.now();
    return this.#connections
      .filter(({ openedAt, closedAt }) => Math.min(closedAt, now) - openedAt > LASTING_MS)
      .reduce((sum, { counts }) => sum + (counts.get(mark) ?? 0), 0);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, target: number): void {
    const broker = connect(target, "127.0.0.1");
    client.pipe(broker).pipe(client);
    this.#watch(broker);
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      socket.setNoDelay();
      this.#sockets.add(socket);
      socket.on("error", () => {}); // `close` comes too
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  #watch(broker: Socket): void {
    const counts = new Map<string, number>();
    const connection: Connection = { openedAt: performance.now(), closedAt: Number.POSITIVE_INFINITY, counts };
    this.#connections.push(connection);
    let rest = "";
    broker.on("data", (chunk: Buffer) => {
      rest = count(rest + chunk.toString("latin1"), counts);
    });
    broker.on("close", () => {
      connection.closedAt = performance.now();
    });
  }
}

/** Answers what may be the beginning of a mark. */
function count(text: string, counts: Map<string, number>): string {
  let end = 0;
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    counts.set(mark, (counts.get(mark) ?? 0) + 1);
    end = index + mark.length;
  }
  return text.slice(Math.max(end, text.length - MARK_CHARS_MAX));
}
