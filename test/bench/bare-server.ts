/** The ceiling of publishing: `node:http` that reads the body and answers 202, and does nothing else. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serveCommands } from "./harness/rpc.ts";

const commands = {
  async listen(): Promise<number> {
    const server = createServer((request, response) => {
      request.on("data", () => {});
      request.on("end", () => response.writeHead(202, { "Content-Length": 0 }).end());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
};
export type BareServerCommands = typeof commands;

serveCommands(commands);
