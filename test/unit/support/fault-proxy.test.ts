/** Goal: the faults of the proxy are what they say, since tests of every adapter rest on them. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { startTcpServer, type TestServer } from "../../support/servers.ts";

/** Long enough for bytes to arrive on loopback if nothing held them. */
const QUIET_MS = 60;

describe("the fault proxy", () => {
  let server: TestServer;
  let proxy: FaultProxy;

  beforeEach(async () => {
    server = await startTcpServer((socket) => socket.pipe(socket)); // an echo
    proxy = await FaultProxy.open(server.port);
    onTestFinished(() => proxy.close());
  });

  it("passes bytes both ways, and the end", async () => {
    const client = await open(proxy.port);
    const bytes = Buffer.alloc(1_000_000, "0123456789");
    client.socket.end(bytes);
    await once(client.socket, "end");
    expect(client.received().equals(bytes)).toBe(true);
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  it("cuts: connections break, new ones are refused, until it is restored", async () => {
    const client = await open(proxy.port);
    await proxy.cut();
    await client.closed;
    await expect(open(proxy.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await proxy.restore();
    expect(await echo(await open(proxy.port), "again")).toBe("again");
  });

  it("stalls: nothing passes, then all of it", async () => {
    const old = await open(proxy.port);
    await echo(old, "before ");
    proxy.stall();
    const young = await open(proxy.port);
    old.socket.write("meanwhile");
    young.socket.write("young");
    await quiet();
    expect([old.text(), young.text()]).toEqual(["before ", ""]);
    await proxy.restore();
    await eventually(() => expect([old.text(), young.text()]).toEqual(["before meanwhile", "young"]));
  });

  it("drips: bytes pass slowly and none is lost", async () => {
    proxy.drip(1_000);
    const client = await open(proxy.port);
    const started = performance.now();
    expect(await echo(client, "x".repeat(200))).toHaveLength(200);
    expect(performance.now() - started).toBeGreaterThan(150);
  });

  it("is half open: neither bytes nor the end of a side reach the other, also not when restored", async () => {
    const client = await open(proxy.port);
    await echo(client, "before");
    proxy.halfOpen();
    client.socket.write("lost");
    server.sockets[0]?.destroy();
    await quiet();
    expect(client.text()).toBe("before");
    expect(client.socket.destroyed).toBe(false);
    await proxy.restore();
    await client.closed;
    expect(client.text()).toBe("before");
  });

  it("breaks the connection of a client whose broker refuses", async () => {
    const other = await FaultProxy.open(1);
    onTestFinished(() => other.close());
    const client = await open(other.port);
    await client.closed;
  });
});

interface Client {
  readonly socket: Socket;
  readonly received: () => Buffer;
  readonly text: () => string;
  readonly closed: Promise<unknown>;
}

async function open(port: number): Promise<Client> {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.on("error", () => {}); // resets are what is tested
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const received = (): Buffer => Buffer.concat(chunks);
  return { socket, received, text: () => received().toString(), closed };
}

/** Sends a text, and waits for as many bytes to come back; answers all that came so far. */
async function echo({ socket, text }: Client, sent: string): Promise<string> {
  const expected = text() + sent;
  socket.write(sent);
  await eventually(() => expect(text()).toBe(expected));
  return text();
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}
