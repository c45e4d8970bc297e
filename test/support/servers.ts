/** Servers for tests, on free ports of 127.0.0.1, closed when the test that started them ends. */
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface TestServer {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** Every connection that was ever accepted, in order. */
  readonly sockets: readonly Socket[];
  readonly openSockets: () => number;
}

export function startHttpServer(listener: RequestListener): Promise<TestServer> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
  return listen(server, () => server.closeAllConnections());
}

/** For what no HTTP server would do. */
export function startTcpServer(onConnection: (socket: Socket) => void): Promise<TestServer> {
  return listen(
    createTcpServer((socket) => {
      onConnection(socket);
      socket.resume(); // a socket that is not read does not notice that the other side has gone
    }),
  );
}

async function listen(server: Server, beforeClose: () => void = () => {}): Promise<TestServer> {
  const sockets: Socket[] = [];
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => {}); // clients that go away are what is tested
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    beforeClose();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const openSockets = (): number => sockets.filter((socket) => !socket.destroyed).length;
  return { port, origin: `http://127.0.0.1:${port}`, sockets, openSockets };
}

/** A port on which nothing listens: it was free a moment ago. */
export async function unusedPort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
