/** The command line as its users meet it, without a server: help, exit statuses, words for what is wrong. */

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LoadOptions } from "../../../src/config/load.ts";
import { runCommand } from "../../support/command.ts";

const COMMANDS = ["serve", "check", "publish", "listen", "topics", "subscriptions", "dead-letters", "replay", "trace"];

describe("help", () => {
  it("lists the commands and exit statuses when nothing is asked for, which is a wrong call", async () => {
    const { exitCode, stdout, stderr } = await runCommand([]);
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    for (const name of COMMANDS) expect(stderr).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  it.each([["--help"], ["help"]])("is no failure when asked for with %s", async (word) => {
    const { exitCode, stdout } = await runCommand([word]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Exit status:[\s\S]*2 {2}called wrongly/);
  });

  it.each(COMMANDS)("of %s has options and examples", async (name) => {
    for (const argv of [
      [name, "--help"],
      ["help", name],
    ]) {
      const { exitCode, stdout } = await runCommand(argv);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(new RegExp(`^Usage: pulsebus ${name}`));
      expect(stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*pulsebus ${name}`));
    }
  });

  it("says its version", async () => {
    const { exitCode, stdout } = await runCommand(["--version"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("a wrong call", () => {
  it.each([
    [["nope"], "unknown command 'nope'"],
    [["publish", "--bogus"], "unknown option '--bogus'"],
    [["publish"], "--type is missing"],
    [["publish", "--type", "t", "--data", "a", "--data-file", "b"], "either --data or --data-file"],
    [["publish", "--type", "t", "--lines", "--id", "1", "--data", "a"], "--lines publishes many events"],
    [["publish", "--structured", "--type", "t", "--data", "{}"], "leave --type out"],
    [["publish", "--structured"], "--structured needs an event"],
    [["publish", "--type", "t", "--ext", "novalue"], "name=value"],
    [["publish", "--type", "t", "--url", "localhost:8080"], "no http:// or https:// address"],
    [["replay", "s"], "--from, --list or --cancel"],
    [["replay", "s", "--from", "earliest", "--list"], "in one way"],
    [["replay", "s", "--from", "earliest", "--rate", "fast"], "a number of events a second"],
    [["listen"], "required option '--topic <name>' not specified"],
    [["listen", "--topic", "t", "--url", "http://bus.example.com"], "needs a server on this machine"],
    [["listen", "--topic", "t", "--forward", "nowhere"], "--forward"],
    [["listen", "--topic", "t", "--from", "noon"], "Allowed choices are latest, earliest"],
    [["subscriptions", "create", "--topic", "t"], "--topic and --sink are needed"],
    [["subscriptions", "create", "--id", "x", "--file", "f"], "--id can't be given together with --file"],
    [["subscriptions", "show"], "missing required argument 'subscription'"],
    [["dead-letters", "redrive", "s"], "ids, --filter or --all"],
    [["dead-letters", "discard", "s", "id", "--all"], "ids, --filter or --all"],
    [["serve", "--port", "99999"], "from 0 to 65535"],
    [["serve", "--log-level", "loud"], "Allowed choices are debug"],
  ])("%j says so and ends with 2", async (argv, words) => {
    const { exitCode, stdout, stderr } = await runCommand(argv);
    expect(stderr).toContain(words);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });
});

describe("without a server", () => {
  it.each([
    ["publish", "--type", "t", "--data", "x"],
    ["listen", "--topic", "t"],
    ["topics", "list"],
    ["subscriptions", "show", "x"],
    ["dead-letters", "list", "x"],
    ["trace", "--topic", "t", "--source", "/s", "--id", "1"],
  ])("%s says how to start one and ends with 1", async (...argv) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const url = `http://127.0.0.1:${port}`;
    const { exitCode, stderr } = await runCommand(argv, { env: { PULSEBUS_URL: url } });
    expect(stderr).toBe(`pulsebus: no server at ${url}; start one with \`pulsebus serve\`\n`);
    expect(exitCode).toBe(1);
  });
});

describe("serve", () => {
  it("hands its options over as the configuration to load", async () => {
    const seen: LoadOptions[] = [];
    const argv =
      "serve --config a.yaml --port 0 --host ::1 --data-dir d --set bus.id=x --set limits.maxHops=3 --log-level warn";
    const { exitCode } = await runCommand(argv.split(" "), {
      env: { PULSEBUS_BUS_ID: "y" },
      serve: async (options) => void seen.push(options),
    });
    expect(exitCode).toBe(0);
    expect(seen).toMatchObject([
      {
        file: "a.yaml",
        env: { PULSEBUS_BUS_ID: "y" },
        flags: { port: "0", host: "::1", dataDir: "d", logLevel: "warn", set: ["bus.id=x", "limits.maxHops=3"] },
        adapters: ["embedded"],
      },
    ]);
  });

  it("shows a defect with its stack, and an expected failure without", async () => {
    const defect = await runCommand(["serve"], { serve: async () => Promise.reject(new TypeError("oops")) });
    expect(defect.exitCode).toBe(1);
    expect(defect.stderr).toMatch(/^pulsebus: TypeError: oops\n\s+at /);
  });
});

describe("check", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "pulsebus-check-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it("prints the effective plan as a configuration, for people and for programs", async () => {
    const file = join(directory, "good.yaml");
    await writeFile(file, "bus: { id: eu-1 }\ntopics: { orders: }\n");
    const yaml = await runCommand(["check", "--config", file, "--port", "9090"]);
    expect(yaml).toMatchObject({ exitCode: 0, stderr: "" });
    expect(yaml.stdout).toMatch(/^bus:\n {2}id: eu-1\n[\s\S]*port: 9090\n[\s\S]*orders:\n/);
    const json = await runCommand(["check", "--config", file, "--json"]);
    expect(json.documents()).toMatchObject([{ bus: { id: "eu-1" }, server: { port: 8080 } }]);
  });

  it("names the line and the path of what is wrong", async () => {
    const file = join(directory, "bad.yaml");
    await writeFile(file, "server:\n  prot: 1\n");
    const { exitCode, stdout, stderr } = await runCommand(["check", "--config", file]);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/bad\.yaml:2.*server\.prot|bad\.yaml:2.*prot/);
  });

  it("warns of what is probably not meant", async () => {
    const { exitCode, stderr } = await runCommand(["check", "--host", "0.0.0.0"]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^warning: .*no authentication/);
  });
});
