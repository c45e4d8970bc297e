/**
 * The webhook that everything is delivered to. It reads just enough of HTTP to know which event came, keeps a ledger of
 * them, and answers 204 at once, or 500 for the share that it is told to refuse.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { monotonicMicros } from "./harness/clock.ts";
import { readEventId } from "./harness/event-id.ts";
import { LatencyHistogram, type Percentiles } from "./harness/histogram.ts";
import { serveCommands } from "./harness/rpc.ts";

export interface Expectation {
  /** Only events of this run count. */
  readonly run: number;
  /** Above all numbers that the run will have. */
  readonly capacity: number;
  /** The share of requests to refuse, 0 to 1. */
  readonly refuse: number;
  /** What latency is counted from; the sending when absent. */
  readonly since?: "sending" | "deliverytime";
}

export interface Received {
  readonly distinct: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly firstAtMicros: number;
  readonly lastAtMicros: number;
  /** From the publisher's sending, or the `deliverytime`, to the first delivery, of the distinct ones. */
  readonly latency: Percentiles;
  /** Deliveries before their `deliverytime`. */
  readonly early: number;
}

const OK = Buffer.from("HTTP/1.1 204 No Content\r\n\r\n");
const REFUSED = Buffer.from("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
const ID_HEADER = "\r\nce-id: ";
const DUE_HEADER = "\r\nce-deliverytime: ";
const DUE_CHARS = "2026-01-01T00:00:00.000Z".length;

class Ledger {
  readonly #expectation: Expectation;
  readonly #seen: Uint8Array;
  readonly #latency = new LatencyHistogram();
  readonly #waits = new Set<{ readonly distinct: number; readonly done: () => void }>();
  #distinct = 0;
  #duplicates = 0;
  #refused = 0;
  #early = 0;
  #firstAtMicros = 0;
  #lastAtMicros = 0;
  #random = 1;

  constructor(expectation: Expectation) {
    this.#expectation = expectation;
    this.#seen = new Uint8Array(expectation.capacity);
  }

  /** Whether the delivery is accepted. */
  take(head: string): boolean {
    const { run, sequence, sentAtMicros } = readEventId(head, head.indexOf(ID_HEADER) + ID_HEADER.length);
    if (run !== this.#expectation.run) return true; // a straggler of an earlier run
    const now = monotonicMicros();
    if (this.#firstAtMicros === 0) this.#firstAtMicros = now;
    if (this.#expectation.refuse > 0 && this.#nextRandom() < this.#expectation.refuse) {
      this.#refused += 1;
      return false;
    }
    if (this.#seen[sequence] === 1) {
      this.#duplicates += 1;
      return true;
    }
    this.#seen[sequence] = 1;
    this.#distinct += 1;
    this.#lastAtMicros = now;
    if (this.#expectation.since === "deliverytime") this.#recordLateness(head);
    else this.#latency.record(now - sentAtMicros);
    this.#wake();
    return true;
  }

  received(): Received {
    return {
      distinct: this.#distinct,
      duplicates: this.#duplicates,
      refused: this.#refused,
      firstAtMicros: this.#firstAtMicros,
      lastAtMicros: this.#lastAtMicros,
      latency: this.#latency.percentiles(),
      early: this.#early,
    };
  }

  #recordLateness(head: string): void {
    const at = head.indexOf(DUE_HEADER) + DUE_HEADER.length;
    const lateMs = performance.timeOrigin + performance.now() - Date.parse(head.slice(at, at + DUE_CHARS));
    if (lateMs < 0) this.#early += 1;
    this.#latency.record(lateMs * 1_000);
  }

  /** What was received when there were so many distinct events, or after `timeoutMs` whatever there is. */
  waitFor(distinct: number, timeoutMs: number): Promise<Received> {
    if (this.#distinct >= distinct) return Promise.resolve(this.received());
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waits.delete(wait);
        resolve(this.received());
      };
      const timer = setTimeout(done, timeoutMs);
      const wait = { distinct, done };
      this.#waits.add(wait);
    });
  }

  #wake(): void {
    for (const { distinct, done } of this.#waits) if (this.#distinct >= distinct) done();
  }

  /** The same sequence in every run (Park and Miller). */
  #nextRandom(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return this.#random / 2_147_483_647;
  }
}

let ledger = new Ledger({ run: -1, capacity: 0, refuse: 0 });

function onConnection(socket: Socket, answerMs: number): void {
  let pending: Buffer | undefined;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    for (let request = requestAt(bytes, at); request !== undefined; request = requestAt(bytes, at)) {
      const answer = ledger.take(request.head) ? OK : REFUSED;
      if (answerMs === 0) socket.write(answer);
      else setTimeout(() => socket.write(answer), answerMs);
      at = request.end;
    }
    pending = at === bytes.length ? undefined : bytes.subarray(at);
  });
}

/** The request that starts at `at`, or undefined while it is not complete. */
function requestAt(bytes: Buffer, at: number): { readonly head: string; readonly end: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n", at);
  if (headEnd === -1) return undefined;
  const head = bytes.toString("latin1", at, headEnd);
  const [, digits = "0"] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  const end = headEnd + 4 + Number(digits);
  return end <= bytes.length ? { head, end } : undefined;
}

const commands = {
  /** A port whose answers come after so many milliseconds. */
  async listen(answerMs: number): Promise<number> {
    const server = createServer((socket) => onConnection(socket, answerMs)).listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
  expect(expectation: Expectation): void {
    ledger = new Ledger(expectation);
  },
  waitFor: ({ distinct, timeoutMs }: { readonly distinct: number; readonly timeoutMs: number }): Promise<Received> =>
    ledger.waitFor(distinct, timeoutMs),
};
export type SinkCommands = typeof commands;

serveCommands(commands);
