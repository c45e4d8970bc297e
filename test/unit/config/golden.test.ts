/**
 * Configurations from end to end. A file in `golden/` is a sentence, then sections that start with `=== NAME`: `env`,
 * `flags`, `pulsebus.yaml`, and last what comes out, `plan` (as `pulsebus check` prints it) or `error` (its whole text).
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { renderPlan } from "../../../src/config/render.ts";
import { load } from "./load.ts";

const FOLDER = new URL("golden/", import.meta.url);

interface Case {
  readonly sentence: string;
  readonly sections: ReadonlyMap<string, string>;
}

function readCase(file: string): Case {
  const [sentence = "", ...parts] = readFileSync(new URL(file, FOLDER), "utf8").split(/^=== /m);
  const sections = parts.map((part) => {
    const end = part.indexOf("\n");
    return [part.slice(0, end), part.slice(end + 1)] as const;
  });
  return { sentence: sentence.trim(), sections: new Map(sections) };
}

const lines = (text = ""): readonly string[] => text.split("\n").filter((line) => line !== "");

function readFlags(text: string | undefined) {
  const flags = lines(text).map((line) => line.split(/ (.*)/s) as [name: string, value: string]);
  const flag = (wanted: string) => flags.find(([name]) => name === wanted)?.[1];
  return {
    port: flag("--port"),
    logLevel: flag("--log-level"),
    set: flags.filter(([name]) => name === "--set").map(([, value]) => value),
  };
}

async function run({ sections }: Case): Promise<string> {
  const env = lines(sections.get("env")).map((line) => line.split(/=(.*)/s) as [string, string]);
  const plan = load(sections.get("pulsebus.yaml"), {
    env: Object.fromEntries(env),
    flags: readFlags(sections.get("flags")),
    adapters: ["embedded", "nats"],
  });
  return plan.then(renderPlan, (error: Error) => `${error.message}\n`);
}

it.each(readdirSync(FOLDER).map((file) => [file, readCase(file)] as const))("%s", async (_file, golden) => {
  const { sections, sentence } = golden;
  expect(await run(golden), sentence).toBe(sections.get("plan") ?? sections.get("error"));
});
