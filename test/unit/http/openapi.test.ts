import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { apiRoutes } from "../../../src/http/api/app.ts";
import type { Endpoint, Route } from "../../../src/http/api/route.ts";
import { Lifecycle } from "../../../src/http/lifecycle.ts";
import { PROBLEM_KINDS } from "../../../src/http/problem.ts";
import { PUBLISH_ENDPOINTS } from "../../../src/http/publish.ts";
import { send } from "../../support/http.ts";
import { MemoryBus } from "../../support/memory-bus.ts";
import { OPENAPI_FILE, type Operation, openapi, type Parameter, resolve } from "./openapi-document.ts";
import { startServer } from "./test-server.ts";

const METHODS = ["get", "put", "post", "delete", "patch", "head", "options"];

const routes: readonly Route[] = apiRoutes({
  bus: new MemoryBus(),
  metrics: {
    publish: { seconds: undefined as never, refusedWithoutTopic: {} },
    scrape: () => Promise.reject(),
    close() {},
  },
  lifecycle: new Lifecycle(),
  version: "1",
});

const nameOf = ({ method, path }: Endpoint): string => `${method} ${path}`;

function operations(): { readonly name: string; readonly operation: Operation; readonly shared: readonly object[] }[] {
  return Object.entries(openapi.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        operation,
        shared: (item as { readonly parameters?: readonly object[] }).parameters ?? [],
      })),
  );
}

function parametersOf(name: string, place: string): string[] {
  const found = operations().find((operation) => operation.name === name);
  const all = [...(found?.shared ?? []), ...(found?.operation.parameters ?? [])];
  return all
    .map((parameter) => resolve<Parameter>(parameter))
    .filter((parameter) => parameter.in === place)
    .map((parameter) => parameter.name);
}

describe("openapi.yaml", () => {
  it("has every route of the server, and no other", () => {
    const documented = operations().map(({ name }) => name);
    expect(documented.sort()).toEqual([...routes, ...PUBLISH_ENDPOINTS].map(nameOf).sort());
  });

  it.each(routes.map((route) => [nameOf(route), route] as const))("has the parameters of %s", (name, route) => {
    expect(parametersOf(name, "query").sort()).toEqual([...route.query].sort());
    expect(parametersOf(name, "path")).toEqual(
      [...route.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter),
    );
  });

  it("lists every problem", () => {
    const { enum: types } = openapi.components.schemas.ProblemType as { readonly enum: readonly string[] };
    expect(types).toEqual(Object.keys(PROBLEM_KINDS).map((code) => `https://pulsebus.dev/problems/${code}`));
  });

  it("refers to nothing that is not there", () => {
    const refs = [...readFileSync(OPENAPI_FILE, "utf8").matchAll(/\$ref: "([^"]+)"/g)].map(([, ref]) => ref);
    expect(refs.length).toBeGreaterThan(100);
    for (const ref of refs) expect(() => resolve({ $ref: ref })).not.toThrow();
  });

  it("is what the server says about itself", async () => {
    const { url } = await startServer();
    const reply = await send(`${url}/openapi.yaml`);
    expect(reply.headers["content-type"]).toBe("application/yaml");
    expect(reply.body.equals(readFileSync(OPENAPI_FILE))).toBe(true);
  });
});

describe("the bodies in openapi.yaml", () => {
  const NAMES: Readonly<Record<string, string>> = {
    name: "Name",
    duration: "Duration",
    holdBack: "Duration",
    delivery: "Delivery",
    retry: "Retry",
    strict: "Strict",
    retention: "Retention",
    size: "Size",
    whenFull: "WhenFull",
    dedupe: "Dedupe",
  };

  function read(file: string): Record<string, unknown> {
    return JSON.parse(readFileSync(new URL(`../../../schemas/${file}`, import.meta.url), "utf8"));
  }

  /** A schema without what only one of the two places has: prose, our own keywords, the way to other schemas. */
  function bare(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(bare);
    if (typeof value !== "object" || value === null) return value;
    const dropped = ["$schema", "$id", "$defs", "title", "description"];
    const members = Object.entries(value).filter(([name]) => !name.startsWith("x-") && !dropped.includes(name));
    return Object.fromEntries(members.map(([name, member]) => [name, name === "$ref" ? target(member) : bare(member)]));
  }

  function target(ref: unknown): string {
    const name = String(ref).split("/").at(-1) ?? "";
    return NAMES[name] ?? name;
  }

  const subscription = read("subscription.schema.json");
  const subscriptionDefs = subscription.$defs as Record<string, unknown>;
  const configDefs = read("config.schema.json").$defs as Record<string, unknown>;

  it.each([
    ["SubscriptionInput", subscription],
    ["Delivery", subscriptionDefs.delivery],
    ["Retry", subscriptionDefs.retry],
    ["Name", subscriptionDefs.name],
    ["Duration", subscriptionDefs.duration],
    ["TopicInput", configDefs.topic],
    ["Strict", configDefs.strict],
    ["Retention", configDefs.retention],
    ["Size", configDefs.size],
    ["WhenFull", configDefs.whenFull],
    ["Dedupe", configDefs.dedupe],
  ])("%s is what the server validates with", (name, schema) => {
    expect(bare(openapi.components.schemas[name])).toEqual(bare(schema));
  });
});
