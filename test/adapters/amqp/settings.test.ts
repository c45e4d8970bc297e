import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adapter } from "../../../adapters/amqp/adapter.ts";
import { type AmqpSettings, dialOptions, parseServers } from "../../../adapters/amqp/settings.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";

function settingsOf(input: Record<string, unknown>): AmqpSettings {
  return validateAdapterSettings(adapter.schema, "", input, "/transports/rabbit") as unknown as AmqpSettings;
}

async function dial(input: Record<string, unknown>) {
  const settings = settingsOf(input);
  const [server] = parseServers(settings);
  if (server === undefined) throw new Error("no server");
  return dialOptions("name", server, settings, new AbortController().signal);
}

describe("the settings of a transport on RabbitMQ", () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "pulsebus-amqp-"));
  });

  afterAll(() => rm(directory, { recursive: true }));

  it("have defaults for a broker on the own machine", async () => {
    const { url, socket } = await dial({});
    expect(url).toMatchObject({ protocol: "amqp", hostname: "127.0.0.1", port: 5672, vhost: "%2F", heartbeat: 5 });
    expect(socket.credentials.response().toString()).toBe("\0guest\0guest");
  });

  it("take user, password and vhost from a URL, decoded, before those beside it", async () => {
    const { url, socket } = await dial({
      servers: ["amqps://us%40er:p%2Fw@[::1]/a%2Fb"],
      username: "other",
      vhost: "c",
    });
    expect(url).toMatchObject({ protocol: "amqps", hostname: "::1", port: 5671, vhost: "a%2Fb" });
    expect(socket.credentials.response().toString()).toBe("\0us@er\0p/w");
  });

  it("read a password and certificates again for each connection", async () => {
    const passwordFile = join(directory, "password");
    const caFile = join(directory, "ca.pem");
    const settings = {
      servers: ["amqps://localhost"],
      username: "bus",
      passwordFile,
      tls: { caFile, serverName: "mq" },
    };
    await writeFile(caFile, "authority");
    for (const password of ["first", "second"]) {
      await writeFile(passwordFile, `${password}\n`);
      const { socket } = await dial(settings);
      expect(socket.credentials.response().toString()).toBe(`\0bus\0${password}`);
      expect(socket).toMatchObject({ ca: Buffer.from("authority"), servername: "mq" });
    }
  });

  it("authenticate by the client certificate with EXTERNAL", async () => {
    const { socket } = await dial({ mechanism: "EXTERNAL" });
    expect(socket.credentials.mechanism).toBe("EXTERNAL");
  });

  it.each([
    [{ server: ["amqp://x"] }, "server"],
    [{ servers: ["http://x"] }, "servers[0]"],
    [{ servers: [] }, "servers"],
    [{ prefetch: 0 }, "prefetch"],
    [{ tls: { rejectUnauthorized: false } }, "tls"],
  ])("refuse %j, naming the place", (input, place) => {
    expect(() => settingsOf(input)).toThrow(place);
  });

  it("never tell a URL that can't be read, which may hold a password", () => {
    const settings = settingsOf({ servers: ["amqp://user:secret@:bad"] });
    expect(() => parseServers(settings)).toThrow(/^servers\/0 is no URL/);
  });

  it("refuse an argument of a queue that the adapter depends on", () => {
    const options = { queueArguments: { "x-delivery-limit": 3 } };
    expect(() => validateAdapterSettings(adapter.schema, "/$defs/topic", options, "/topics/t/options")).toThrow(
      "x-delivery-limit",
    );
  });
});
