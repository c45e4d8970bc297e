/** Users, permissions and TLS. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, expect, it } from "vitest";
import { adapter } from "../../../adapters/nats/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { makeEvent } from "../../../src/transport/conformance/events.ts";
import { describeOwnBroker } from "../../support/brokers.ts";
import { Authority } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { openNats, soon, topicSettings, uniqueName } from "./instance.ts";

const SECRET = "s3cret-of-the-bus";
const directory = mkdtempSync(join(tmpdir(), "pulsebus-nats-"));
const config = join(directory, "server.conf");
const authority = new Authority(directory);
const server = authority.issue("localhost");
const client = authority.issue("client");
const user = nkeys.createUser();
const tls = { caFile: authority.caFile };

interface Configuration {
  /** Who may come; the user `bus` when it is not said. */
  readonly authorization?: string;
  /** Besides the server's certificate. */
  readonly tlsOptions?: string;
}

function configure({ authorization = usersWith(SECRET), tlsOptions = "" }: Configuration = {}): void {
  const files = `cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${authority.caFile}"`;
  writeFileSync(config, `${authorization}\ntls { ${files} ${tlsOptions} }\n`);
}

function usersWith(password: string): string {
  const permissions = "{ publish: { deny: [ forbidden.> ] } }";
  const bus = `{ user: bus, password: "${password}", permissions: ${permissions} }`;
  return `authorization { users: [ ${bus}, { nkey: ${user.getPublicKey()} } ] }`;
}

configure();

afterAll(() => rmSync(directory, { recursive: true }));

describeOwnBroker(
  "nats",
  "NATS with users and TLS",
  (broker) => {
    const login = { user: "bus", password: SECRET, tls };

    async function restartWith(configuration: Configuration): Promise<void> {
      configure(configuration);
      await broker.stop();
      await broker.start();
    }

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
      await restartWith({ authorization: usersWith("another") });
      await eventually(() => expect(transport.check()).rejects.toMatchObject({ code: "permission_denied" }));
      await new Promise((resolve) => setTimeout(resolve, 2_000)); // several refused attempts
      await restartWith({});
      await eventually(() => transport.check());
      await transport.close(soon());
    }, 60_000);

    it("works with the seed of an NKey", async () => {
      const nkeySeed = new TextDecoder().decode(user.getSeed());
      await expectWorking({ nkeySeed, tls });
    });

    it("works with a client certificate, and not without where the server wants one", async () => {
      await restartWith({ tlsOptions: ", verify: true" });
      await expectWorking({ ...login, tls: { ...tls, ...client } });
      const without = await openNats(broker.address, login);
      await expect(without.check()).rejects.toMatchObject({ retryable: true }); // the server says nothing
      await without.close(soon());
    });

    it("works with TLS before the server's greeting", async () => {
      await restartWith({ tlsOptions: ', handshake_first: "300ms"' });
      await expectWorking({ ...login, tls: { ...tls, handshakeFirst: true } });
    });

    it("works with a token", async () => {
      await restartWith({ authorization: 'authorization { token: "s3cret-token" }' });
      await expectWorking({ token: "s3cret-token", tls });
    });

    it("works with a file of credentials, which it reads at every connect", async () => {
      const credentialsFile = join(directory, "bus.creds");
      writeFileSync(credentialsFile, "nothing yet");
      const { authorization, credentials } = decentralized();
      await restartWith({ authorization });
      const transport = await openNats(broker.address, { credentialsFile, tls });
      await expect(transport.check()).rejects.toThrow();
      writeFileSync(credentialsFile, credentials);
      await eventually(() => transport.check());
      await transport.close(soon());
    });

    async function expectWorking(settings: Readonly<Record<string, unknown>>): Promise<void> {
      const transport = await openNats(broker.address, settings);
      await transport.check();
      await transport.close(soon());
    }
  },
  { environment: { NATS_CONFIG: config } },
);

/** An operator, an account with JetStream and a user of it: the server is told the first two, the user has credentials. */
function decentralized() {
  const [operator, account, system] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const limits = { subs: -1, conn: -1, leaf: -1, imports: -1, exports: -1, data: -1, payload: -1, wildcards: true };
  const jetStream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const ofAccount = { type: "account", version: 2, limits: { ...limits, ...jetStream } };
  const operatorToken = token(operator, operator, {
    type: "operator",
    version: 2,
    system_account: system.getPublicKey(),
  });
  const accounts = [
    `${account.getPublicKey()}: ${token(operator, account, ofAccount)}`,
    `${system.getPublicKey()}: ${token(operator, system, { type: "account", version: 2, limits })}`,
  ];
  const userToken = token(account, user, { type: "user", version: 2, subs: -1, data: -1, payload: -1 });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    authorization: `operator: ${operatorToken}\nresolver: MEMORY\nresolver_preload: { ${accounts.join("\n")} }`,
    credentials:
      `-----BEGIN NATS USER JWT-----\n${userToken}\n------END NATS USER JWT------\n\n` +
      `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  };
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** A JWT as NATS has them (ADR-14 of nats-architecture-and-design). */
function token(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString("base64url");
  const claims = { jti: randomUUID(), iat: Math.floor(Date.now() / 1_000), iss: issuer.getPublicKey(), nats };
  const signed = [
    { typ: "JWT", alg: "ed25519-nkey" },
    { ...claims, sub: subject.getPublicKey(), name: "test" },
  ]
    .map(part)
    .join(".");
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

it.each([
  [{ servers: ["nats://user:pass@127.0.0.1"] }, /servers/],
  [{ servers: [] }, /servers/],
  [{ password: "x" }, /user/],
  [{ server: "nats://x" }, /server/],
  [{ maxPayloadBytes: 1 }, /maxPayloadBytes/],
])("refuses the settings %j", (settings, message) => {
  expect(() => validateAdapterSettings(adapter.schema, "", settings, "/transports/nats")).toThrow(message);
});
