/** An SDK costs a quarter of a second and tens of megabytes: a bus that is not configured for it does not pay. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryDirectory } from "../support/open-bus.ts";
import { startPulsebus } from "../support/pulsebus.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const RECORDER = new URL("./record-packages.js", import.meta.url).href;
/** Of the core as well: the embedded log is an adapter, too. */
const SHARED = new Set(["better-sqlite3"]);

/** The packages that the sources of adapters name. */
function sdks(): readonly string[] {
  const names = new Set<string>();
  for (const file of globSync("adapters/**/*.ts", { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(/(?:from |import\()"([a-z@][^"]*)"\)?;$/gm)) {
      if (!specifier.startsWith("node:")) names.add(packageOf(specifier));
    }
  }
  return [...names].filter((name) => !SHARED.has(name)).sort();
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

async function recorded(file: string): Promise<ReadonlySet<string>> {
  return new Set((await readFile(file, "utf8")).split("\n"));
}

it("serves without loading any SDK of a broker when no transport is configured", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "packages");
  await using bus = await startPulsebus({
    env: { NODE_OPTIONS: `--import ${RECORDER}`, RECORDED_PACKAGES: file },
  });
  await bus.stop();
  const loaded = await recorded(file);
  expect(loaded).toContain("express"); // the recorder sees what is loaded
  expect(sdks().filter((name) => loaded.has(name))).toEqual([]);
});

it("would see each of them", { timeout: 60_000 }, async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "packages");
  const names = sdks();
  expect(names).toContain("@google-cloud/pubsub");
  const script = names.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
  const child = spawn(
    process.execPath,
    ["--import", RECORDER, "--input-type=module", "--eval", `${script} process.exit()`],
    {
      cwd: ROOT,
      env: { ...process.env, RECORDED_PACKAGES: file },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  expect((await once(child, "exit"))[0]).toBe(0);
  const loaded = await recorded(file);
  expect(names.filter((name) => !loaded.has(name))).toEqual([]);
});
