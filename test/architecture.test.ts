/**
 * Holds the layout: every rule of `test/support/architecture/rules.ts` on the real sources, and each rule on a planted
 * violation, which proves that it can fail.
 */
import { globSync, readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Files, RULES } from "./support/architecture/rules.ts";
import { readSource } from "./support/architecture/source.ts";

const ROOT = new URL("../", import.meta.url).pathname;

function filesOf(texts: Readonly<Record<string, string>>): Files {
  return new Map(Object.entries(texts).map(([path, text]) => [path, readSource(path, text)]));
}

function realFiles(): Files {
  const paths = globSync(["src/**/*.ts", "adapters/**/*.ts"], { cwd: ROOT }).sort();
  return filesOf(Object.fromEntries(paths.map((path) => [path, readFileSync(ROOT + path, "utf8")])));
}

describe("the sources", () => {
  let files: Files;
  beforeAll(() => {
    files = realFiles();
  });

  it.each(RULES)("$name", ({ check }) => {
    const found = check(files).map(({ path, line, message }) => `${path}:${line} ${message}`);
    expect(found).toEqual([]);
  });
});

/** For each rule: sources of which only the marked ones break it, `path:line` of each break. */
interface Plant {
  readonly rule: string;
  readonly texts: Readonly<Record<string, string>>;
  readonly broken: readonly string[];
}

const PLANTS: readonly Plant[] = [
  {
    rule: "pure code runs nothing but pure code",
    texts: {
      "src/event/a.ts": `import { b } from "./b.ts";\nimport { readFile } from "node:fs/promises";`,
      "src/event/b.ts": `import type { Clock } from "../runtime/clock.ts";\nimport { LIMIT } from "../limits.ts";`,
      "src/filter/c.ts": `import { systemClock } from "../runtime/clock.ts";`,
      "src/subscription/d.ts": `export { systemClock } from "../runtime/clock.ts";`,
      "src/delivery/decide.ts": `const engine = await import("./engine.ts");`,
      "src/delivery/engine.ts": `import { systemClock } from "../runtime/clock.ts";`,
    },
    broken: ["src/event/a.ts:2", "src/filter/c.ts:1", "src/subscription/d.ts:1", "src/delivery/decide.ts:1"],
  },
  {
    rule: "pure code has no clock, randomness, process, timers or I/O",
    texts: {
      "src/event/a.ts": "export const now = () => Date.now();",
      "src/event/b.ts": "export const then = (text: string): Date => new Date(Date.parse(text));",
      "src/filter/c.ts":
        "export const today = new Date();\nexport const dice = Math.random();\nexport const one = Math.max(1, 0);",
      "src/filter/d.ts": "setTimeout(() => {}, 1);\nexport const { env } = process;",
      "src/delivery/backoff.ts": "export const at = performance.now();",
      "src/delivery/engine.ts": "export const at = performance.now();",
      "src/subscription/e.ts": "export const x = { process: 1, Date: 2 };\nexport type P = typeof process;\nx.process;",
    },
    broken: [
      "src/event/a.ts:1",
      "src/filter/c.ts:1",
      "src/filter/c.ts:2",
      "src/filter/d.ts:1",
      "src/filter/d.ts:2",
      "src/delivery/backoff.ts:1",
    ],
  },
  {
    rule: "only the composition root imports adapters",
    texts: {
      "src/main.ts": `import { adapters } from "../adapters/index.ts";`,
      "src/bus/bus.ts": `import type { Nats } from "../../adapters/nats/adapter.ts";`,
      "src/serve.ts": `await import("../adapters/index.ts");`,
      "src/config/load.ts": `new Worker(new URL("../../adapters/embedded/worker.ts", import.meta.url));`,
    },
    broken: ["src/bus/bus.ts:1", "src/serve.ts:1", "src/config/load.ts:1"],
  },
  {
    rule: "an adapter imports the port and its own folder, never the engine or another adapter",
    texts: {
      "adapters/index.ts": `export const load = () => import("./nats/adapter.ts");`,
      "adapters/nats/adapter.ts": `import { connect } from "nats";\nimport type { Transport } from "../../src/transport/port.ts";\nimport { x } from "./binding.ts";`,
      "adapters/kafka/adapter.ts": `import { x } from "../nats/binding.ts";\nimport type { Engine } from "../../src/delivery/engine.ts";\nimport { open } from "../../src/sqlite/database.ts";`,
      "adapters/embedded/adapter.ts": `import type { Database } from "../../src/sqlite/database.ts";\nimport { Bus } from "../../src/bus/bus.ts";`,
    },
    broken: [
      "adapters/kafka/adapter.ts:1",
      "adapters/kafka/adapter.ts:2",
      "adapters/kafka/adapter.ts:3",
      "adapters/embedded/adapter.ts:2",
    ],
  },
  {
    rule: "only the embedded log and the SQLite store use the database",
    texts: {
      "src/store/sqlite/store.ts": `import { open } from "../../sqlite/database.ts";`,
      "adapters/embedded/adapter.ts": `import { open } from "../../src/sqlite/database.ts";`,
      "src/serve.ts": `import { open } from "./sqlite/database.ts";`,
      "src/http/api.ts": `import { open } from "../sqlite/database.ts";`,
      "src/telemetry/metrics.ts": `import type { DatabaseMetrics } from "../sqlite/database.ts";`,
    },
    broken: ["src/http/api.ts:1"],
  },
  {
    rule: "commands other than serve know nothing of the parts that run",
    texts: {
      "src/serve.ts": `import { createBus } from "./bus/bus.ts";`,
      "src/cli/trace.ts": `import type { Trace } from "../bus/bus.ts";\nimport { createBus } from "../bus/bus.ts";`,
      "src/cli/check.ts": `import { loadPlan } from "../config/load.ts";\nimport { call } from "./client.ts";`,
    },
    broken: ["src/cli/trace.ts:2"],
  },
  {
    rule: "a command loads only what it needs",
    texts: {
      "src/main.ts": `import { runProgram } from "./cli/program.ts";`,
      "src/cli/program.ts": `import { Command } from "commander";\nimport { check } from "./check.ts";\nconst serve = () => import("./serve.ts");`,
      "src/cli/check.ts": `import type { Document } from "yaml";\nimport { Ajv } from "ajv/dist/2020.js";`,
      "src/cli/serve.ts": `import express from "express";`,
    },
    broken: ["src/cli/check.ts:2"],
  },
  {
    rule: "each npm package has one owner folder",
    texts: {
      "src/http/api.ts": `import express from "express";\nimport { request } from "undici";`,
      "src/cli/program.ts": `import { Command } from "commander";\nconst left = await import("left-pad");`,
      "src/store/sqlite/store.ts": `import type { Database } from "better-sqlite3";\nimport Sqlite from "better-sqlite3";`,
      "src/sink/transform.ts": `const library = import.meta.resolve("jsonata");`,
      "adapters/nats/adapter.ts": `import { connect } from "@nats-io/transport-node";\nimport { readFile } from "node:fs/promises";`,
    },
    broken: ["src/http/api.ts:2", "src/cli/program.ts:2", "src/store/sqlite/store.ts:2", "src/sink/transform.ts:1"],
  },
  {
    rule: "node's modules are named with node:",
    texts: { "src/a.ts": `import { join } from "path";\nimport { readFile } from "node:fs/promises";` },
    broken: ["src/a.ts:1"],
  },
  {
    rule: "imports form no cycle",
    texts: {
      "src/a.ts": `import { b } from "./b.ts";`,
      "src/b.ts": `import type { C } from "./c.ts";`,
      "src/c.ts": `import { d } from "./d.ts";\nexport const a = () => import("./a.ts");`,
      "src/d.ts": "export const d = 1;",
    },
    broken: ["src/c.ts:2"],
  },
  {
    rule: "every file is reached from the entry point",
    texts: {
      "src/main.ts": `import "./a.ts";\nawait import("./b.ts");`,
      "src/a.ts": `new Worker(sibling(import.meta.url, "worker"));`,
      "src/b.ts": "export type { C } from './types.ts';",
      "src/types.ts": "export type C = 1;",
      "src/worker.ts": "export const x = new URL('./other.ts', import.meta.url);",
      "src/other.ts": "",
      "src/forgotten.ts": `import "./a.ts";`,
    },
    broken: ["src/forgotten.ts:1"],
  },
  {
    rule: "nothing is exported as default",
    texts: { "src/a.ts": "export const a = 1;\nexport default a;" },
    broken: ["src/a.ts:2"],
  },
  {
    rule: "nothing is typed any",
    texts: {
      "src/a.ts": "// any\nexport const any = (x: unknown): string => 'any';\nexport type A = Map<string, any>;",
    },
    broken: ["src/a.ts:3"],
  },
  {
    rule: "limits stand in src/limits.ts",
    texts: {
      "src/limits.ts": "export const EVENT_BYTES_MAX = 1024 * 1024;",
      "src/http/a.ts":
        "const BODY_BYTES_MAX = 64 * 1024;\nconst STATUS_MAX = 599;\nconst ID_BYTES = 12;\nexport const RETRY_MS = -1;",
    },
    broken: ["src/http/a.ts:1", "src/http/a.ts:4"],
  },
  {
    rule: "the limits of a broker stand in its adapter's limits.ts",
    texts: {
      "src/limits.ts":
        "export const PUBSUB_PULL_MS = 1;\nexport const NATIVE_MS = 1;\nexport const NATS_PING_MS = 3_000;",
      "adapters/embedded/adapter.ts": "",
      "adapters/gcp-pubsub/adapter.ts": "",
      "adapters/gcp-pubsub/limits.ts": "",
      "adapters/nats/adapter.ts": "",
    },
    broken: ["adapters/nats/adapter.ts:1", "src/limits.ts:1", "src/limits.ts:3"],
  },
  {
    rule: "file names are kebab-case",
    texts: { "src/deliveryId.ts": "", "src/delivery-id.ts": "", "src/Bus.ts": "" },
    broken: ["src/deliveryId.ts:1", "src/Bus.ts:1"],
  },
  {
    rule: "files and functions stay readable in length",
    texts: {
      "src/long.ts": "\n".repeat(401),
      "src/function.ts": `\nexport function f() {${"\n".repeat(80)}}`,
      "src/fine.ts": `export const f = () => {${"\n".repeat(60)}};`,
    },
    broken: ["src/long.ts:400", "src/function.ts:2"],
  },
];

describe("a planted violation is found by the rule", () => {
  it.each(PLANTS)("$rule", ({ rule, texts, broken }) => {
    const found = RULES.find(({ name }) => name === rule)?.check(filesOf(texts)) ?? [];
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual(broken);
  });

  it("is there for every rule", () => {
    expect(PLANTS.map(({ rule }) => rule)).toEqual(RULES.map(({ name }) => name));
  });
});
