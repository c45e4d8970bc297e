/** Credentials of Google Cloud. No request leaves the machine: the endpoint is a closed port of it. */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adapter } from "../../../adapters/gcp-pubsub/adapter.ts";
import { validateAdapterSettings } from "../../../src/config/adapter-settings.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { freePort } from "../../support/brokers.ts";
import { soon } from "./instance.ts";

const EMAIL = "bus@pulsebus-test.iam.gserviceaccount.com";
const KEY_TEXT = "bm90LWEta2V5LWJ1dC1zZWNyZXQ";
const BAD_KEY = `-----BEGIN PRIVATE KEY-----\n${KEY_TEXT}\n-----END PRIVATE KEY-----\n`;
const GOOD_KEY = generateKeyPairSync("rsa", {
  modulusLength: 2_048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
}).privateKey;

function valid(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return validateAdapterSettings(adapter.schema, "", { projectId: "pulsebus-test", ...settings }, "/transports/gcp");
}

describe("the credentials of a transport on Google Cloud", () => {
  let directory: string;
  let apiEndpoint: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "pulsebus-gcp-"));
    apiEndpoint = `127.0.0.1:${await freePort()}`;
  });

  afterAll(() => rm(directory, { recursive: true }));

  it.each([
    [{ credentials: { client_email: EMAIL } }, "private_key"],
    [{ credentials: { private_key: BAD_KEY } }, "client_email"],
    [{ credentials: { client_email: EMAIL, private_key: BAD_KEY, type: "service_account" } }, "type"],
    [{ credentials: BAD_KEY }, "credentials"],
    [{ keyFilename: "" }, "keyFilename"],
    [{ apiEndpoint: "https://pubsub.googleapis.com" }, "apiEndpoint"],
    [{ emulator: "127.0.0.1" }, "emulator"],
  ])("are refused where they are incomplete, naming the place and no secret: %#", (settings, place) => {
    const refusing = () => valid(settings);
    expect(refusing).toThrow(place);
    expect(refusing).not.toThrow(KEY_TEXT);
  });

  it.each<[string, () => Promise<Readonly<Record<string, unknown>>>]>([
    ["a key that is none", async () => ({ credentials: { client_email: EMAIL, private_key: BAD_KEY } })],
    ["a key in a file that is none", async () => ({ keyFilename: await keyFile(BAD_KEY) })],
    ["a file that is missing", async () => ({ keyFilename: join(directory, "missing.json") })],
    ["a file that is no JSON", async () => ({ keyFilename: await fileWith(BAD_KEY) })],
    [
      "a key whose service can't be reached",
      async () => ({ credentials: { client_email: EMAIL, private_key: GOOD_KEY } }),
    ],
    ["a key in a file", async () => ({ keyFilename: await keyFile(GOOD_KEY) })],
  ])(
    "fail the check and are neither told nor logged: %s",
    async (_, settings) => {
      const lines: unknown[] = [];
      const log = (...line: readonly unknown[]): void => void lines.push(line);
      const logger = { debug: log, info: log, warn: log, error: log };
      const context = { name: "gcp", busId: "test", clock: systemClock, logger };
      const failed = await failureOf(async () => {
        const transport = await adapter.open(valid({ apiEndpoint, ...(await settings()) }), context);
        try {
          await transport.check();
        } finally {
          await transport.close(soon());
        }
      });
      expect(failed).toMatchObject({ name: "TransportError" });
      const told = `${failed.message} ${failed.stack} ${JSON.stringify(lines)}`;
      for (const secret of [KEY_TEXT, GOOD_KEY.split("\n")[1] ?? ""]) expect(told).not.toContain(secret);
    },
    30_000,
  );

  async function keyFile(privateKey: string): Promise<string> {
    const content = {
      type: "service_account",
      project_id: "pulsebus-test",
      client_email: EMAIL,
      private_key: privateKey,
    };
    return fileWith(JSON.stringify(content));
  }

  async function fileWith(content: string): Promise<string> {
    const path = join(directory, `${randomUUID()}.json`);
    await writeFile(path, content);
    return path;
  }
});

async function failureOf(work: () => Promise<void>): Promise<Error> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it did not fail");
}
