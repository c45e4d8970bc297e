import { describe, expect, it } from "vitest";
import { POLICY_DEFAULTS } from "../../../src/subscription/policy.ts";
import { compileRetryOn } from "../../../src/subscription/retry-on.ts";

const STATUSES = Array.from({ length: 300 }, (_, offset) => 300 + offset);
const retried = (patterns: readonly string[]): readonly number[] =>
  STATUSES.filter(compileRetryOn(patterns, "/retryOn"));
const range = (first: number, last: number) => STATUSES.filter((status) => status >= first && status <= last);

describe("retryOn", () => {
  it("tries again by default what passes, and what speaks of the sink", () => {
    expect(retried(POLICY_DEFAULTS.retry.retryOn)).toEqual([
      ...range(300, 399),
      ...[401, 403, 404, 407, 408, 409, 425, 429],
      ...range(500, 599),
    ]);
  });

  it("tries again exactly what it lists", () => {
    expect(retried(["503", "418", "3xx"])).toEqual([...range(300, 399), 418, 503]);
    expect(retried([])).toEqual([]);
  });

  it("tries a status again that is none of HTTP, whatever it lists", () => {
    const isRetried = compileRetryOn([], "/retryOn");
    expect([0, 199, 600, 999].map(isRetried)).toEqual([true, true, true, true]);
  });

  it.each(["200", "2xx", "1xx", "600", "50x", "5XX", "xxx", "", " 503", "503 ", "5e2", "0503"])(
    "refuses %j",
    (pattern) => {
      expect(() => compileRetryOn(["503", pattern], "/delivery/retry/retryOn")).toThrow(
        expect.objectContaining({
          code: "invalid-request",
          at: "/delivery/retry/retryOn/1",
          message: `delivery.retry.retryOn[1]: ${JSON.stringify(pattern)} is not a status from 300 to 599, or one of 3xx, 4xx, 5xx`,
        }),
      );
    },
  );

  it("refuses 410, which pauses the subscription", () => {
    expect(() => compileRetryOn(["410"], "/retryOn")).toThrow("410 can't be retried");
  });
});
