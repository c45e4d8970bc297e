/** TLS and credentials. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { describeOwnBroker, freePort } from "../../support/brokers.ts";
import { Authority } from "../../support/certificates.ts";
import { openTransport, soon, topicWithGroup } from "./rabbit.ts";

const PASSPHRASE = "s3cret-of-the-key";
const SERVER_NAME = "rabbit.test";
const directory = mkdtempSync(join(tmpdir(), "pulsebus-amqp-tls-"));
const authority = new Authority(directory);
const server = authority.issue(SERVER_NAME);
/** The name is the user's: the one that every broker has. */
const client = authority.issue("guest", { passphrase: PASSPHRASE });
const stranger = new Authority(directory, "strangers").issue("stranger");
const port = await freePort();
const url = `amqps://127.0.0.1:${port}`;
const passwordFile = fileWith("password", "guest\n");

const environment = {
  AMQP_PLUGINS: "rabbitmq_auth_mechanism_ssl",
  AMQP_CONFIG: fileWith(
    "rabbitmq.conf",
    [
      `listeners.ssl.1 = 127.0.0.1:${port}`,
      `ssl_options.cacertfile = ${authority.caFile}`,
      `ssl_options.certfile = ${server.certFile}`,
      `ssl_options.keyfile = ${server.keyFile}`,
      "ssl_options.verify = verify_peer",
      "ssl_cert_login_from = common_name",
      "auth_mechanisms.1 = PLAIN",
      "auth_mechanisms.2 = EXTERNAL",
      "",
    ].join("\n"),
  ),
};
const tls = { caFile: authority.caFile };

afterAll(() => rmSync(directory, { recursive: true }));

describeOwnBroker(
  "amqp",
  "RabbitMQ with users and TLS",
  () => {
    it.each<[string, Readonly<Record<string, unknown>>]>([
      ["an authority of its own", { tls }],
      ["a password from a file", { tls, username: "guest", passwordFile }],
      ["the name that the certificate has", { tls: { ...tls, serverName: SERVER_NAME } }],
      ["a client certificate", { tls: { ...tls, ...client, passphrase: PASSPHRASE } }],
      [
        "a client certificate instead of a password",
        { mechanism: "EXTERNAL", password: "wrong", tls: { ...tls, ...client, passphrase: PASSPHRASE } },
      ],
    ])("works with %s", async (_, settings) => {
      const transport = await openTransport(url, settings);
      const { publisher, address } = await topicWithGroup(transport);
      const [result] = await publisher.publish([makeEvent()], soon());
      expect(result).toMatchObject({ ok: true });
      await transport.deprovision(address);
      await transport.close(soon());
    });

    it.concurrent.each<[string, Readonly<Record<string, unknown>>]>([
      ["a broker whose certificate nobody it trusts has signed", {}],
      ["a broker whose certificate has another name", { tls: { ...tls, serverName: "other.test" } }],
      ["to go on with a certificate that the broker does not trust", { tls: { ...tls, ...stranger } }],
      ["to go on with a wrong password", { tls, password: "wrong-but-secret" }],
      ["to go on without a certificate where it is to say who comes", { tls, mechanism: "EXTERNAL" }],
    ])("refuses %s", async (_, settings) => {
      const transport = await openTransport(url, settings);
      const refused: unknown = await transport.check().catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "permission_denied", retryable: false });
      expect((refused as Error).stack).not.toMatch(/wrong-but-secret/);
      await transport.close(soon());
    });
  },
  { environment },
);

function fileWith(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
