/** What the documentation says is true: names, numbers, defaults and examples are checked against the code. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { loadPlan } from "../src/config/load.ts";
import { validateSubscriptionInput } from "../src/config/schema.ts";
import { PROBLEM_KINDS } from "../src/http/problem.ts";
import * as limits from "../src/limits.ts";
import { POLICY_DEFAULTS } from "../src/subscription/policy.ts";
import { resolveSubscription } from "../src/subscription/resolve.ts";
import { capabilityTable } from "./support/capability-table.ts";
import { runCommand } from "./support/command.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const readme = readFileSync(`${ROOT}README.md`, "utf8");
const architecture = readFileSync(`${ROOT}ARCHITECTURE.md`, "utf8");

/** The first fenced block of a language that matches. */
function block(language: string, pattern: RegExp): string {
  const blocks = readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"));
  const found = [...blocks].map(([, text = ""]) => text).find((text) => pattern.test(text));
  if (found === undefined) throw new Error(`README.md has no ${language} block with ${pattern}`);
  return found;
}

/** Everything between backticks outside of fenced blocks. */
function codeWords(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = ""]) => word);
}

describe("the README", () => {
  it("documents every problem type with its status, and no other", () => {
    const [, table = ""] = /<!-- problems -->([\s\S]*?)<!-- \/problems -->/.exec(readme) ?? [];
    const rows = [...table.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(Object.entries(PROBLEM_KINDS).map(([code, { status }]) => [code, status])),
    );
  });

  it("says of each adapter what it declares", async () => {
    const [, table = ""] = /<!-- capabilities -->\n([\s\S]*?)\n<!-- \/capabilities -->/.exec(readme) ?? [];
    expect(table, "run npm run docs:capabilities").toBe(await capabilityTable());
  });

  it("shows a subscription that is accepted, with the defaults as they are", () => {
    const input = validateSubscriptionInput(JSON.parse(block("json", /"sink"/)));
    const { delivery = {} } = input;
    const { format, maxInFlight, timeout, from, retry } = delivery;
    expect({ format, maxInFlight, timeout, from }).toEqual({
      format: POLICY_DEFAULTS.format,
      maxInFlight: POLICY_DEFAULTS.maxInFlight,
      timeout: POLICY_DEFAULTS.timeout,
      from: POLICY_DEFAULTS.from,
    });
    const defaults = resolveSubscription({ topic: "t", sink: "http://a/" }, { id: () => "s" }).policy.retry;
    const shown = resolveSubscription(input, { id: () => "s" }).policy.retry;
    expect(shown).toMatchObject({ ...defaults, retryOn: expect.any(Function) });
    for (let status = 100; status < 600; status++) {
      expect([status, shown.retryOn(status)]).toEqual([status, defaults.retryOn(status)]);
    }
    expect(retry?.retryOn).toBeDefined();
  });

  it("shows a configuration that loads", async () => {
    const text = block("yaml", /subscriptions:/);
    const readFile = async () => text;
    const plan = await loadPlan({
      file: "pulsebus.yaml",
      env: { TOKEN: "t" },
      flags: {},
      readFile,
      adapters: ["embedded"],
    });
    expect(plan.subscriptions.length).toBeGreaterThan(0);
  });

  it("shows bridges that load", async () => {
    const text = `topics: { orders: , orders-gcp: , orders-archive: }\n${block("yaml", /bridges:/)}`;
    const readFile = async () => text;
    const plan = await loadPlan({ file: "pulsebus.yaml", env: {}, flags: {}, readFile, adapters: ["embedded"] });
    expect(plan.subscriptions.map(({ id }) => id)).toContain("bridge.audit.orders-gcp.orders");
  });

  it("names npm scripts and commands that exist", async () => {
    const scripts = [
      ...readme.matchAll(/npm (?:run )?(start|test|check|crash|bench|outage|brokers:[a-z]+|demo:[a-z-]+)\b/g),
    ].map(([, name = ""]) => name);
    expect(new Set(scripts).size).toBeGreaterThan(3);
    for (const name of scripts) expect(manifest.scripts).toHaveProperty(name);
    const commands = [...readme.matchAll(/bin\/pulsebus\.js ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/g)].map(([, words = ""]) =>
      words.trim(),
    );
    for (const words of new Set(commands)) {
      const { exitCode, stderr } = await runCommand([...words.split(" "), "--help"]);
      expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: "" });
    }
  });

  it("links to files that exist", () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
    for (const path of links) expect(existsSync(ROOT + path), path).toBe(true);
  });
});

describe.each(["filters", "transforms", "replies"])("docs/%s.md", (name) => {
  const page = readFileSync(`${ROOT}docs/${name}.md`, "utf8");

  it("shows a subscription that is accepted", () => {
    const [, example = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    expect(resolveSubscription(validateSubscriptionInput(JSON.parse(example)), { id: () => "s" }).id).toBe("s");
  });

  it("links to files that exist, and is linked to", () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => path);
    for (const path of links) expect(existsSync(`${ROOT}docs/${path}`), path).toBe(true);
    expect(readme).toContain(`docs/${name}.md`);
  });
});

it("docs/filters.md and docs/transforms.md state the limits that the code has", () => {
  const [filters, transforms] = ["filters", "transforms"].map((name) => readFileSync(`${ROOT}docs/${name}.md`, "utf8"));
  expect(filters).toContain(`more than ${limits.DATA_FILTER_BYTES_MAX / 1024} KiB`);
  expect(transforms).toContain(`${limits.TRANSFORM_MS_MAX} ms for an evaluation`);
  expect(transforms).toContain(`${limits.TRANSFORM_HEAP_MIB_MAX} MiB of`);
  expect(transforms).toContain(`${limits.TRANSFORM_BYTES_MAX / 1024 ** 2} MiB for an event`);
  for (const limit of [limits.TRANSFORM_SEQUENCE_MAX, limits.TRANSFORM_CHARS_MAX]) {
    expect(transforms).toContain(limit.toLocaleString("en"));
  }
});

describe("ARCHITECTURE.md", () => {
  it("fits into one sitting", () => {
    expect(architecture.split("\n").length).toBeLessThanOrEqual(200);
  });

  it("names files and folders that exist", () => {
    const paths = codeWords(architecture).filter((word) =>
      /^(src|adapters|bin|schemas|test)(\/[\w.-]+)+\/?$/.test(word),
    );
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) expect(existsSync(ROOT + path), path).toBe(true);
  });
});
