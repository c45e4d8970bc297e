/**
 * Node's server, except that it cuts no answers. When it closes, Node destroys the connections that it takes for idle,
 * and those are also the ones whose answer is written but not yet handed to the kernel: a slow reader of a long answer
 * would get a part of it.
 */
import { Server, type ServerOptions } from "node:http";
import type { Socket } from "node:net";

export class DrainableServer extends Server {
  readonly #sockets = new Set<Socket>();

  constructor(options: ServerOptions) {
    super(options);
    this.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Does nothing while an answer is on its way; called by `close` itself and again while draining. */
  override closeIdleConnections(): void {
    for (const socket of this.#sockets) if (socket.writableLength > 0) return;
    super.closeIdleConnections();
  }
}
