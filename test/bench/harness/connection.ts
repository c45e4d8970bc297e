/**
 * A keep-alive HTTP/1.1 client connection that does nothing but send prepared requests, one at a time, and read the
 * status of the answers. It trusts the server to speak correct HTTP with `Content-Length`; that is what makes it cheap.
 */
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";
const READ_BYTES = 64 * 1024;

export interface ConnectionEvents {
  readonly onResponse: (status: number) => void;
  readonly onError: (error: Error) => void;
}

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  /** What was received of a head that is not complete. */
  #head = "";
  #status = 0;
  #bodyBytesLeft = 0;

  constructor(port: number, events: ConnectionEvents) {
    this.#events = events;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const onread = { buffer, callback: (bytes: number) => this.#read(buffer.toString("latin1", 0, bytes)) };
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread });
    this.#socket
      .on("error", events.onError)
      .on("end", () => events.onError(new Error("the server closed a connection")));
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.removeAllListeners("end").destroy();
  }

  #read(text: string): boolean {
    if (this.#status !== 0) this.#readBody(text.length);
    else this.#readHead(this.#head + text);
    return true;
  }

  #readHead(text: string): void {
    const end = text.indexOf(HEAD_END);
    if (end === -1) {
      this.#head = text;
      return;
    }
    this.#head = "";
    this.#status = Number(text.slice(9, 12));
    this.#bodyBytesLeft = contentLength(text.slice(0, end), this.#status);
    this.#readBody(text.length - end - HEAD_END.length);
  }

  #readBody(bytes: number): void {
    this.#bodyBytesLeft -= bytes;
    if (this.#bodyBytesLeft > 0) return;
    if (this.#bodyBytesLeft < 0) throw new Error("the server sent more than its answer");
    const status = this.#status;
    this.#status = 0;
    this.#events.onResponse(status);
  }
}

function contentLength(head: string, status: number): number {
  const [, digits] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  if (digits === undefined && status !== 204) throw new Error(`an answer without Content-Length:\n${head}`);
  return Number(digits ?? 0);
}
