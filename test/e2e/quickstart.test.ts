/** The commands of the README's first section, run as they stand there. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { failOnLeaks } from "../support/leaks.ts";
import { startPulsebus } from "../support/pulsebus.ts";

failOnLeaks();

const README = new URL("../../README.md", import.meta.url);
const SCRIPT = /<!-- test:quickstart -->\n```sh\n([\s\S]*?)```\n<!-- \/test:quickstart -->/;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function bash(script: string): Promise<string> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  return new Promise((resolve, reject) => {
    execFile("bash", ["-c", script], { env, timeout: 25_000 }, (error, stdout, stderr) =>
      error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stdout}\n${stderr}`)),
    );
  });
}

describe("the README's first steps", () => {
  it("publish an event, show it delivered, and show a failing webhook retried, dead-lettered and redriven", async () => {
    const [, script = ""] = SCRIPT.exec(readFileSync(README, "utf8")) ?? [];
    expect(script).toContain("curl");
    await using bus = await startPulsebus();
    const [receiver, nobody] = [await freePort(), await freePort()];
    const here = script
      .replaceAll("http://127.0.0.1:8080", bus.url)
      .replaceAll("3000", String(receiver))
      .replaceAll("3001", String(nobody));
    // The receiver is the only job in the background; it is given the time to start that a reader takes.
    const stdout = await bash(`trap 'kill $!' EXIT\n${here.replace(/&\n/, "& sleep 2\n")}`);

    expect(stdout.match(/HTTP\/1\.1 202 /g)).toHaveLength(2);
    expect(stdout).toContain('com.example.order.created 1 {"order": 4711}');
    expect(stdout).toMatch(/"reason":"exhausted"/);
    expect(stdout).toContain('{"count":1}');
    // Once for billing, and once for crm after its redrive.
    expect(stdout.match(/com\.example\.order\.created 2 \{"order": ?4712\}/g)).toHaveLength(2);
    const [trace = ""] = /\{"complete":true.*$/.exec(stdout.trim()) ?? [];
    const { occurrences } = JSON.parse(trace) as {
      occurrences: { deliveries: { subscription: string; state: string }[] }[];
    };
    const states = occurrences.flatMap(({ deliveries }) =>
      deliveries.map(({ subscription, state }) => [subscription, state]),
    );
    expect(Object.fromEntries(states)).toEqual({ billing: "delivered", crm: "delivered" });
  });
});
