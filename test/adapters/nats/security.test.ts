/** Users, permissions and TLS. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { adapter } from "../../../adapters/nats/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { describeOwnBroker } from "../../support/brokers.ts";
import { eventually } from "../../support/eventually.ts";
import { openNats, soon, topicSettings, uniqueName } from "./instance.ts";

const SECRET = "s3cret-of-the-bus";
const directory = mkdtempSync(join(tmpdir(), "pulsebus-nats-"));
const config = join(directory, "server.conf");
const certificate = join(directory, "cert.pem");
const key = join(directory, "key.pem");

function configure(password: string): void {
  const permissions = "{ publish: { deny: [ forbidden.> ] } }";
  const user = `{ user: bus, password: "${password}", permissions: ${permissions} }`;
  const tls = `{ cert_file: "${certificate}", key_file: "${key}" }`;
  writeFileSync(config, `authorization { users: [ ${user} ] }\ntls ${tls}\n`);
}

const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
const output = ["-keyout", key, "-out", certificate];
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", ...subject, ...output], {
  stdio: "ignore",
});
configure(SECRET);
process.env.NATS_CONFIG = config; // read by the script that starts the broker

describeOwnBroker("nats", "NATS with users and TLS", (broker) => {
  const login = { user: "bus", password: SECRET, tls: { caFile: certificate } };

  it("works with a user, a password and an authority of its own", async () => {
    const transport = await openNats(broker.address, login);
    await transport.check();
    const address = uniqueName();
    await transport.provision(address, topicSettings());
    const [result] = await transport.publisher(address).publish([makeEvent()], soon());
    expect(result?.ok).toBe(true);
    await transport.close(soon());
  });

  it("refuses a server whose certificate nobody it trusts has signed", async () => {
    const transport = await openNats(broker.address, { user: "bus", password: SECRET });
    await expect(transport.check()).rejects.toMatchObject({ code: "unavailable" });
    await transport.close(soon());
  });

  it("says that the credentials are refused, and not which", async () => {
    const password = "wrong-but-secret";
    const transport = await openNats(broker.address, { ...login, password });
    const refused = await transport.check().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "permission_denied", retryable: false });
    expect(String((refused as Error).stack)).not.toContain(password);
    await transport.close(soon());
  });

  it("says which subject it may not publish to", async () => {
    const transport = await openNats(broker.address, login);
    await transport.check();
    const [result] = await transport.publisher("forbidden.orders").publish([makeEvent()], soon());
    expect(result).toMatchObject({ ok: false, stored: "no", error: { code: "permission_denied" } });
    await transport.close(soon());
  });

  it("outlasts a time in which its credentials are refused, without a restart", async () => {
    const transport = await openNats(broker.address, login);
    await transport.check();
    configure("another");
    await broker.stop();
    await broker.start();
    await eventually(() => expect(transport.check()).rejects.toMatchObject({ code: "permission_denied" }));
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // several refused attempts
    configure(SECRET);
    await broker.stop();
    await broker.start();
    await eventually(() => transport.check());
    await transport.close(soon());
  }, 60_000);
});

it.each([
  [{ servers: ["nats://user:pass@127.0.0.1"] }, /servers/],
  [{ servers: [] }, /servers/],
  [{ password: "x" }, /user/],
  [{ server: "nats://x" }, /server/],
  [{ maxPayloadBytes: 1 }, /maxPayloadBytes/],
])("refuses the settings %j", (settings, message) => {
  expect(() => validateAdapterSettings(adapter.schema, "", settings, "/transports/nats")).toThrow(message);
});
