import { describe, expect, it } from "vitest";
import { type LogOptions, openLog } from "../../../src/telemetry/log.ts";

async function openRecording(options: Partial<LogOptions> & { readonly isTTY?: boolean } = {}) {
  const lines: string[] = [];
  const { isTTY = false, ...rest } = options;
  const stream = { isTTY, write: (line: string) => void lines.push(line) };
  return { logger: await openLog({ level: "info", format: "auto", ...rest, stream }), lines };
}

describe("the log", () => {
  it("is one JSON object a line where nobody watches", async () => {
    const { logger, lines } = await openRecording();
    logger.info({ url: "http://127.0.0.1:8080" }, "listening");
    expect(lines).toHaveLength(1);
    const { time, ...rest } = JSON.parse(lines[0] ?? "");
    expect(rest).toEqual({ level: "info", url: "http://127.0.0.1:8080", msg: "listening" });
    expect(new Date(time).toISOString()).toBe(time);
  });

  it("is for people on a terminal, and written at once", async () => {
    const { logger, lines } = await openRecording({ isTTY: true });
    logger.warn({ topic: "orders" }, "the disk is almost full");
    expect(lines.join("")).toContain("WARN");
    expect(lines.join("")).toContain("the disk is almost full");
    expect(() => JSON.parse(lines[0] ?? "")).toThrow();
  });

  it.each([
    { format: "json", isTTY: true, isJson: true },
    { format: "pretty", isTTY: false, isJson: false },
  ] as const)("is $format when that is asked for", async ({ format, isTTY, isJson }) => {
    const { logger, lines } = await openRecording({ format, isTTY });
    logger.info({}, "hello");
    expect(lines[0]?.startsWith("{")).toBe(isJson);
  });

  it.each([
    ["debug", 4],
    ["info", 3],
    ["warn", 2],
    ["error", 1],
  ] as const)("at level %s has %i of four lines", async (level, count) => {
    const { logger, lines } = await openRecording({ level });
    for (const each of ["debug", "info", "warn", "error"] as const) logger[each]({}, each);
    expect(lines).toHaveLength(count);
  });

  it("has no secrets, wherever they stand", async () => {
    const { logger, lines } = await openRecording();
    logger.info({ secret: "s3cret", headers: { authorization: "s3cret" }, a: { b: { password: "s3cret" } } }, "x");
    expect(lines.join("")).not.toContain("s3cret");
    expect(lines.join("")).toContain("[redacted]");
  });

  it("shows an error with its cause", async () => {
    const { logger, lines } = await openRecording();
    logger.error({ err: new Error("the outer", { cause: new Error("the inner") }) }, "failed");
    const { err } = JSON.parse(lines[0] ?? "");
    expect(err.message).toContain("the outer");
    expect(JSON.stringify(err)).toContain("the inner");
  });
});
