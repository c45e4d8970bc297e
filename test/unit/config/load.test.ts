import { describe, expect, it } from "vitest";
import { load } from "./load.ts";

describe("which file is read", () => {
  const files: Readonly<Record<string, string>> = {
    "pulsebus.yaml": "bus: { id: found }",
    "named.yaml": "bus: { id: named }",
    "from-variable.yaml": "bus: { id: from-variable }",
  };
  const readFile = async (path: string) =>
    files[path] ?? Promise.reject(new Error(`EACCES: permission denied, ${path}`));

  it("is the one that is named", async () => {
    const plan = await load(undefined, {
      readFile,
      file: "named.yaml",
      env: { PULSEBUS_CONFIG: "from-variable.yaml" },
    });
    expect(plan).toMatchObject({ busId: "named", file: "named.yaml" });
  });

  it("else the one of PULSEBUS_CONFIG", async () => {
    const plan = await load(undefined, { readFile, env: { PULSEBUS_CONFIG: "from-variable.yaml" } });
    expect(plan).toMatchObject({ busId: "from-variable", file: "from-variable.yaml", ignoredVariables: [] });
  });

  it("else pulsebus.yaml", async () => {
    const plan = await load(undefined, { readFile, env: { PULSEBUS_CONFIG: "" } });
    expect(plan).toMatchObject({ busId: "found", file: "pulsebus.yaml" });
  });

  it("else none", async () => {
    expect(await load(undefined)).toMatchObject({ busId: "local", file: undefined });
  });

  it("has to exist when it is named", async () => {
    await expect(load("bus: {}", { file: "other.yaml" })).rejects.toMatchObject({
      code: "invalid-configuration",
      message: "other.yaml: can't be read: there is no such file",
    });
  });

  it("has to be readable", async () => {
    await expect(load(undefined, { readFile, file: "secret.yaml" })).rejects.toThrow(
      "secret.yaml: can't be read: EACCES: permission denied",
    );
  });

  it("has to be small enough to be a configuration", async () => {
    await expect(load(`#${"a".repeat(16 * 1024 * 1024)}`)).rejects.toThrow("pulsebus.yaml: has more than 16MiB");
  });
});

describe("the plan", () => {
  it("is frozen, down to its smallest part", async () => {
    const plan = await load("topics: { a: {} }\nsubscriptions: { s: { topic: a, sink: 'topic:a' } }");
    expect(Object.isFrozen(plan)).toBe(true);
    expect(Object.isFrozen(plan.topics[0]?.settings.retention)).toBe(true);
    expect(Object.isFrozen(plan.subscriptions[0]?.policy.retry.backoff)).toBe(true);
  });

  it("has the embedded transport first, then those of the file with the adapter's own settings", async () => {
    const text =
      "bus: { id: a }\ntransports: { n: { adapter: nats, servers: [ x ] } }\ntopics: { t: { transport: n } }";
    expect(await load(text, { adapters: ["embedded", "nats"] })).toMatchObject({
      transports: [
        { name: "embedded", adapter: "embedded", settings: {} },
        { name: "n", adapter: "nats", settings: { servers: ["x"] } },
      ],
      topics: [{ name: "t", transport: "n", address: "t" }],
    });
  });

  it.each([
    ["127.0.0.1", ["127.0.0.0/8", "::1/128"]],
    ["127.1.2.3", ["127.0.0.0/8", "::1/128"]],
    ["localhost", ["127.0.0.0/8", "::1/128"]],
    ["::1", ["127.0.0.0/8", "::1/128"]],
    ["0.0.0.0", []],
    ["::", []],
    ["10.0.0.1", []],
    ["127.example.com", []],
  ])("lets a server on %s send to %j by default", async (host, allow) => {
    expect((await load(undefined, { flags: { host } })).egress.allow).toEqual(allow);
  });

  it("lets a server on loopback send to public addresses only, when it is told so", async () => {
    expect((await load("egress: { allow: [] }")).egress.allow).toEqual([]);
  });
});

describe("variables", () => {
  const ignoredOf = async (env: Readonly<Record<string, string>>) => (await load(undefined, { env })).ignoredVariables;

  it("that name no setting are told", async () => {
    expect(await ignoredOf({ PULSEBUS_SEVER_PORT: "1", PULSEBUS_TOPICS_A_STRICT: "true", OTHER: "1" })).toEqual([
      "PULSEBUS_SEVER_PORT",
      "PULSEBUS_TOPICS_A_STRICT",
    ]);
  });

  it("of Kubernetes for a service called pulsebus are none of ours", async () => {
    const env = {
      PULSEBUS_PORT: "tcp://10.0.0.1:8080",
      PULSEBUS_PORT_8080_TCP_ADDR: "10.0.0.1",
      PULSEBUS_SERVICE_HOST: "10.0.0.1",
      PULSEBUS_SERVICE_PORT: "8080",
      PULSEBUS_SERVICE_PORT_HTTP: "8080",
    };
    const plan = await load(undefined, { env });
    expect(plan).toMatchObject({ server: { host: "127.0.0.1", port: 8080 }, ignoredVariables: [] });
  });

  it("and flags can't reach what every object has", async () => {
    await expect(load(undefined, { flags: { set: ["__proto__.polluted=1"] } })).rejects.toThrow(
      "__proto__: unknown field",
    );
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});

describe("faults", () => {
  it("beyond the fiftieth are counted only", async () => {
    const topics = Array.from({ length: 60 }, (_, index) => `  t${index}: { strikt: 1 }`);
    const error = await load(`topics:\n${topics.join("\n")}`).catch((reason: unknown) => reason as Error);
    const lines = String((error as Error).message).split("\n");
    expect(lines).toHaveLength(51);
    expect(lines[0]).toContain("pulsebus.yaml:2:9: topics.t0.strikt");
    expect(lines[50]).toBe("and 10 more");
  });
});
