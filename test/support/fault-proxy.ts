/**
 * A TCP proxy on loopback between a client and its broker, which breaks what passes as networks do:
 *
 * cut: connections are reset and new ones refused.
 * stall: connections stay, new ones are accepted, and not a byte passes until it is restored.
 * drip: bytes pass slowly.
 * halfOpen: what either side sends, and that it closes, is lost without either being told. Such connections are lost
 *   for good; restoring resets them.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Outage } from "../../src/transport/conformance/case.ts";

type Fault = "none" | "stall" | "drip" | "halfOpen";

/** How often a dripping connection lets some bytes pass. */
const DRIP_MS = 20;
/** Bytes held for one direction before the sender is no longer read. */
const HELD_BYTES = 64 * 1024;

export class FaultProxy {
  readonly port: number;
  readonly #target: number;
  readonly #links = new Set<Link>();
  readonly #conditions: { fault: Fault; bytesPerSecond: number } = { fault: "none", bytesPerSecond: 0 };
  #server: Server;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#link(client));
  }

  /** A proxy in front of a port of 127.0.0.1, on a port of its own or the given one. */
  static async open(target: number, port = 0): Promise<FaultProxy> {
    return new FaultProxy(await listen(port), target);
  }

  /** Connections that are open at present. */
  get connections(): number {
    return this.#links.size;
  }

  async cut(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, "close") : undefined;
    this.#server.close();
    this.#resetAll();
    await closed;
  }

  stall(): void {
    this.#set("stall");
  }

  drip(bytesPerSecond: number): void {
    this.#conditions.bytesPerSecond = bytesPerSecond;
    this.#set("drip");
  }

  halfOpen(): void {
    this.#set("halfOpen");
  }

  /** As the harness of the conformance suite wants it: begins an outage; the answer ends it. */
  async outage(kind: Outage): Promise<() => Promise<void>> {
    if (kind === "cut") await this.cut();
    else this.#set(kind);
    return () => this.restore();
  }

  /** Ends whatever fault there is. */
  async restore(): Promise<void> {
    if (this.#conditions.fault === "halfOpen") this.#resetAll();
    this.#set("none");
    if (this.#server.listening) return;
    this.#server = await listen(this.port);
    this.#server.on("connection", (client) => this.#link(client));
  }

  close(): Promise<void> {
    return this.cut();
  }

  #resetAll(): void {
    for (const link of [...this.#links]) link.reset();
  }

  #set(fault: Fault): void {
    this.#conditions.fault = fault;
    for (const link of this.#links) link.pump();
  }

  #link(client: Socket): void {
    const broker = connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const link = new Link(client, broker, this.#conditions, () => this.#links.delete(link));
    this.#links.add(link);
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

interface Conditions {
  readonly fault: Fault;
  readonly bytesPerSecond: number;
}

/** One connection through the proxy: both of its directions. */
class Link {
  readonly #sockets: readonly Socket[];
  readonly #directions: readonly Direction[];
  readonly #onEnd: () => void;

  constructor(client: Socket, broker: Socket, conditions: Conditions, onEnd: () => void) {
    this.#sockets = [client, broker];
    this.#onEnd = onEnd;
    this.#directions = [
      new Direction(client, broker, conditions, () => this.reset()),
      new Direction(broker, client, conditions, () => this.reset()),
    ];
  }

  pump(): void {
    for (const direction of this.#directions) direction.pump();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#onEnd();
  }
}

class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #conditions: Conditions;
  readonly #reset: () => void;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #hasEnded = false;
  #isBroken = false;
  #isDripping = false;

  constructor(from: Socket, to: Socket, conditions: Conditions, reset: () => void) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
    this.#reset = reset;
    from.on("data", (chunk: Buffer) => this.#hold(chunk));
    from.on("end", () => {
      this.#hasEnded = true;
      this.pump();
    });
    from.on("error", () => {}); // what broke shows in `close`
    from.on("close", () => {
      this.#isBroken = true;
      this.pump();
    });
    to.on("drain", () => this.pump());
  }

  /** Passes on what the present fault lets through. */
  pump(): void {
    const { fault } = this.#conditions;
    if (fault === "none") {
      this.#pass(this.#heldBytes);
      this.#finish();
    } else if (fault === "drip") {
      this.#drip();
    } else if (fault === "halfOpen") {
      this.#take(this.#heldBytes);
      this.#from.resume();
    }
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= HELD_BYTES) this.#from.pause();
    this.pump();
  }

  #pass(bytes: number): void {
    if (this.#to.writableNeedDrain || bytes === 0) return;
    if (!this.#to.destroyed) this.#to.write(this.#take(bytes));
    if (this.#heldBytes < HELD_BYTES) this.#from.resume();
  }

  #take(bytes: number): Buffer {
    const all = Buffer.concat(this.#held);
    const rest = all.subarray(bytes);
    this.#held = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
    return all.subarray(0, bytes);
  }

  #drip(): void {
    if (this.#isDripping) return;
    this.#isDripping = true;
    setTimeout(() => {
      this.#isDripping = false;
      if (this.#conditions.fault !== "drip") {
        this.pump();
        return;
      }
      const bytes = Math.ceil((this.#conditions.bytesPerSecond * DRIP_MS) / 1_000);
      this.#pass(Math.min(bytes, this.#heldBytes));
      this.#finish();
      if (this.#heldBytes > 0) this.#drip();
    }, DRIP_MS);
  }

  /** Once all has passed, the end passes too. */
  #finish(): void {
    if (this.#heldBytes > 0) return;
    if (this.#isBroken) this.#reset();
    else if (this.#hasEnded && !this.#to.writableEnded) this.#to.end();
  }
}
