import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { conformanceCases } from "../../src/transport/conformance/cases.ts";
import { unusedPort } from "../support/servers.ts";

const MAIN = new URL("../../bin/pulsebus.js", import.meta.url).pathname;
/** All cases, among them some that wait on purpose, on a machine that does other things as well. */
const SUITE_TIMEOUT_MS = 240_000;

interface Verified {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pulsebus-e2e-verify-"));
});

afterAll(() => rm(directory, { recursive: true }));

/** The real program; everything it stores goes to a directory of the test's own. */
function verify(...args: readonly string[]): Promise<Verified> {
  const env = { ...process.env, TMPDIR: directory };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, "verify", ...args], { cwd: directory, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it("the embedded transport behaves as it declares, and leaves nothing behind", {
  timeout: SUITE_TIMEOUT_MS,
}, async () => {
  const { code, stdout } = await verify("embedded", "--json");
  const documents = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const reports = documents.filter(({ id }) => id !== undefined);
  expect(reports.filter(({ declared, observed = declared }) => declared !== observed)).toEqual([]);
  expect(reports.map(({ id }) => id)).toEqual(conformanceCases.map(({ id }) => id));
  expect(documents).toContainEqual(expect.objectContaining({ capability: "ordering", observed: "as declared" }));
  expect(code).toBe(0);
  expect((await readdir(directory)).filter((name) => name.startsWith("pulsebus-"))).toEqual([]);
});

it("a transport that can't be reached is said to be so", { timeout: SUITE_TIMEOUT_MS }, async () => {
  const port = await unusedPort();
  const transports = { broker: { adapter: "nats", servers: [`nats://127.0.0.1:${port}`] } };
  await writeFile(join(directory, "bus.json"), JSON.stringify({ bus: { id: "verify" }, transports }));
  const { code, stdout, stderr } = await verify("broker", "--config", "bus.json");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^pulsebus: broker can't be used: .+\n$/);
});
