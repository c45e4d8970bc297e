import { describe, expect, it } from "vitest";
import { type ErrorCode, PulsebusError } from "../../../src/errors.ts";
import { PROBLEM_KINDS, problemOf } from "../../../src/http/problem.ts";

const codes = Object.keys(PROBLEM_KINDS) as ErrorCode[];
const silent = { debug() {}, info() {}, warn() {}, error() {} };

describe("a problem", () => {
  it.each(codes)("%s has a type, an error status, a title of its own and a detail", (code) => {
    const problem = problemOf(new PulsebusError(code, "what happened"), silent);
    expect(problem).toMatchObject({ type: `https://pulsebus.dev/problems/${code}`, detail: "what happened" });
    expect(problem.status).toBeGreaterThanOrEqual(400);
    expect(codes.filter((other) => PROBLEM_KINDS[other].title === problem.title)).toEqual([code]);
  });

  it.each(codes.filter((code) => [429, 503].includes(PROBLEM_KINDS[code].status)))(
    "%s says when to try again",
    (code) => {
      expect(problemOf(new PulsebusError(code, "x"), silent).retryAfterSeconds).toBe(1);
      expect(problemOf(new PulsebusError(code, "x", { retryAfterSeconds: 0.2 }), silent).retryAfterSeconds).toBe(1);
      expect(problemOf(new PulsebusError(code, "x", { retryAfterSeconds: 30 }), silent).retryAfterSeconds).toBe(30);
    },
  );

  it("says where the fault is, and leaves out what is not known", () => {
    expect(problemOf(new PulsebusError("invalid-event", "x", { at: "id", index: 3 }), silent)).toEqual({
      type: "https://pulsebus.dev/problems/invalid-event",
      title: PROBLEM_KINDS["invalid-event"].title,
      status: 400,
      detail: "x",
      at: "id",
      index: 3,
    });
  });

  it("of a defect shows a reference and nothing else of it", () => {
    const logged: object[] = [];
    const logger = { ...silent, error: (fields: object) => void logged.push(fields) };
    const error = new TypeError("secret");
    const problem = problemOf(error, logger);
    expect(problem).toMatchObject({ status: 500, type: "https://pulsebus.dev/problems/internal" });
    expect(JSON.stringify(problem)).not.toContain("secret");
    expect(logged).toEqual([{ err: error, reference: problem.instance?.replace("urn:uuid:", "") }]);
  });
});
