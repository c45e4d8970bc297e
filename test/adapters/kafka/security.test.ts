/** TLS and credentials. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import type { Transport } from "../../../src/transport/port.ts";
import { describeOwnBroker, freePort } from "../../support/brokers.ts";
import { Authority } from "../../support/certificates.ts";
import { openKafka, soon, topicSettings, uniqueName } from "./instance.ts";

const PASSWORD = "s3cret-of-the-bus";
const PASSPHRASE = "s3cret-of-the-key";
const SERVER_NAME = "kafka.test";
const directory = mkdtempSync(join(tmpdir(), "pulsebus-kafka-tls-"));
const authority = new Authority(directory);
const server = authority.issue(SERVER_NAME);
const client = authority.issue("client", { passphrase: PASSPHRASE });
const passwordFile = fileWith("password", `${PASSWORD}\n`);
const tokenFile = fileWith("token", unsecuredToken());
const [saslPort, tlsPort] = [await freePort(), await freePort()];
const sasl = `127.0.0.1:${saslPort}`;
const mutual = `127.0.0.1:${tlsPort}`;
const keyStore = fileWith(
  "server-both.pem",
  [server.keyFile, server.certFile].map((file) => readFileSync(file)).join(""),
);

const PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule";
const BEARER_MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
const BEARER_HANDLER =
  "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler";
const config = fileWith(
  "tls.properties",
  [
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER",
    `listener.name.sasl_ssl.plain.sasl.jaas.config=${PLAIN_MODULE} required user_bus="${PASSWORD}";`,
    `listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${SCRAM_MODULE} required;`,
    `listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=${BEARER_MODULE} required unsecuredLoginStringClaim_sub="broker";`,
    `listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class=${BEARER_HANDLER}`,
    "ssl.keystore.type=PEM",
    `ssl.keystore.location=${keyStore}`,
    "ssl.truststore.type=PEM",
    `ssl.truststore.location=${authority.caFile}`,
    "listener.name.ssl.ssl.client.auth=required",
    "",
  ].join("\n"),
);

const environment = {
  KAFKA_LISTENERS: `SASL_SSL://${sasl},SSL://${mutual}`,
  KAFKA_CONFIG: config,
  KAFKA_SCRAM: `SCRAM-SHA-512=[name=bus,password=${PASSWORD}]`,
};
const tls = { caFile: authority.caFile };
const scram = { mechanism: "SCRAM-SHA-512", username: "bus", password: PASSWORD };

afterAll(() => rmSync(directory, { recursive: true }));

describeOwnBroker(
  "kafka",
  "Kafka with users and TLS",
  () => {
    it.each<[string, string, Readonly<Record<string, unknown>>]>([
      ["SCRAM and an authority of its own", sasl, { tls, sasl: scram }],
      ["PLAIN and a password from a file", sasl, { tls, sasl: { mechanism: "PLAIN", username: "bus", passwordFile } }],
      ["a token from a file", sasl, { tls, sasl: { mechanism: "OAUTHBEARER", tokenFile } }],
      ["a token", sasl, { tls, sasl: { mechanism: "OAUTHBEARER", token: unsecuredToken() } }],
      ["the name that the certificate has", sasl, { tls: { ...tls, serverName: SERVER_NAME }, sasl: scram }],
      ["an authority in the configuration", sasl, { tls: { ca: contentOf(authority.caFile) }, sasl: scram }],
      ["any certificate", sasl, { tls: { rejectUnauthorized: false }, sasl: scram }],
      ["a client certificate", mutual, { tls: { ...tls, ...client, passphrase: PASSPHRASE } }],
      [
        "a client certificate in the configuration",
        mutual,
        { tls: { ...tls, cert: contentOf(client.certFile), key: contentOf(client.keyFile), passphrase: PASSPHRASE } },
      ],
    ])("works with %s", async (_, address, settings) => {
      await using opened = await open(address, settings);
      const topic = uniqueName();
      await opened.transport.provision(topic, topicSettings());
      const [result] = await opened.transport.publisher(topic).publish([makeEvent()], soon());
      expect(result).toMatchObject({ ok: true });
    });

    it("refuses brokers whose certificate nobody it trusts has signed", async () => {
      await using opened = await open(sasl, { tls: true, sasl: scram });
      await expect(opened.transport.check()).rejects.toMatchObject({ code: "unavailable" });
    });

    it("refuses brokers whose certificate has another name than it looks for", async () => {
      await using opened = await open(sasl, { tls: { ...tls, serverName: "other.test" }, sasl: scram });
      await expect(opened.transport.check()).rejects.toMatchObject({ code: "unavailable" });
    });

    it.each(["SCRAM-SHA-512", "PLAIN"])(
      "says that the credentials are refused, and not which, with %s",
      async (mechanism) => {
        const password = "wrong-but-secret";
        const logged: unknown[] = [];
        const log = (...line: readonly unknown[]): void => void logged.push(line);
        const logger = { debug: log, info: log, warn: log, error: log };
        const transport = await openKafka(sasl, {
          logger,
          settings: { tls, sasl: { mechanism, username: "bus", password } },
        });
        const refused: unknown = await transport.check().catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "permission_denied", retryable: false });
        expect(`${(refused as Error).stack} ${JSON.stringify(logged)}`).not.toContain(password);
        await transport.close(soon());
      },
    );

    it("says which file can't be read, before it connects", async () => {
      const settings = { tls: { caFile: join(directory, "missing.pem") } };
      await expect(openKafka(sasl, { settings })).rejects.toMatchObject({ code: "invalid", message: /tls\.caFile/ });
    });
  },
  { environment },
);

async function open(address: string, settings: Readonly<Record<string, unknown>>) {
  const transport: Transport = await openKafka(address, { settings });
  return { transport, [Symbol.asyncDispose]: () => transport.close(soon()) };
}

function fileWith(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function contentOf(file: string): string {
  return readFileSync(file, "utf8");
}

/** As brokers take it that verify no signature. */
function unsecuredToken(): string {
  const now = Math.floor(Date.now() / 1_000);
  const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: "bus", iat: now, exp: now + 3_600 })}.`;
}
