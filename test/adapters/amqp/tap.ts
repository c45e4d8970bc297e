/**
 * A proxy that knows a little AMQP: it shows what the client sends and plays a broker that this machine has not, by
 * rewriting the handshake and by sending frames of its own.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Rewriting {
  /** Of the first bytes of the broker: each text by one of the same length. */
  readonly handshake?: readonly (readonly [from: Buffer, to: Buffer])[];
}

/** How many chunks of the broker belong to the handshake: connection.start, connection.tune, connection.open-ok. */
const HANDSHAKE_CHUNKS = 3;

export class Tap {
  readonly port: number;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #sent: Buffer[] = [];

  private constructor(server: Server, target: number, rewriting: Rewriting) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#join(client, target, rewriting));
  }

  static async open(url: string, rewriting: Rewriting = {}): Promise<Tap> {
    const server = createServer({ noDelay: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Tap(server, Number(new URL(url).port), rewriting);
  }

  /** Everything that clients have sent, as latin1. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString("latin1");
  }

  /** Sends a method of channel 0 to all clients, as if the broker had. */
  sendMethod(classId: number, methodId: number, fields = Buffer.alloc(0)): void {
    const payload = Buffer.alloc(4 + fields.length);
    payload.writeUInt16BE(classId, 0);
    payload.writeUInt16BE(methodId, 2);
    fields.copy(payload, 4);
    const head = Buffer.alloc(7);
    head.writeUInt8(1, 0); // a method frame of channel 0
    head.writeUInt32BE(payload.length, 3);
    for (const client of this.#clients) client.write(Buffer.concat([head, payload, Buffer.from([0xce])]));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, target: number, { handshake = [] }: Rewriting): void {
    const broker = connect({ port: target, host: "127.0.0.1", noDelay: true });
    this.#clients.add(client);
    let chunks = 0;
    client.on("data", (chunk) => {
      this.#sent.push(chunk);
      broker.write(chunk);
    });
    broker.on("data", (chunk) => {
      chunks += 1;
      if (chunks <= HANDSHAKE_CHUNKS) for (const [from, to] of handshake) replace(chunk, from, to);
      client.write(chunk);
    });
    for (const [one, other] of [[client, broker] as const, [broker, client] as const]) {
      one.on("error", () => undefined);
      one.on("close", () => {
        this.#clients.delete(one);
        other.destroy();
      });
    }
  }
}

function replace(chunk: Buffer, from: Buffer, to: Buffer): void {
  const at = chunk.indexOf(from);
  if (at !== -1) to.copy(chunk, at);
}
