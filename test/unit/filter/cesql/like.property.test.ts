/** Goal: LIKE matches what its definition says. Method: random texts and patterns against a matcher that tries everything. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { likeMatcher } from "../../../../src/filter/cesql/like.ts";

/** The definition, word by word and in exponential time. */
function naive(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === "%") return naive(rest, text) || (text.length > 0 && naive(pattern, text.slice(1)));
  const [character, ...others] = text;
  const accepts = character !== undefined && (first === "_" || first.at(-1) === character || first === character);
  return accepts && naive(rest, others);
}

/** Few characters, so that pieces repeat and overlap. */
const CHARACTERS = ["a", "b", "🚀", "%", "_"] as const;
const text = fc.array(fc.constantFrom(...CHARACTERS), { maxLength: 10 });
const elements = (...list: readonly string[]) => fc.array(fc.constantFrom(...list), { maxLength: 7 });

function agree(pattern: readonly string[], characters: readonly string[]): void {
  expect(likeMatcher(pattern.join(""))(characters.join(""))).toBe(naive(pattern, characters));
}

describe("LIKE", () => {
  it("agrees with the definition for patterns with _", () => {
    fc.assert(fc.property(elements("a", "b", "🚀", "%", "_", "\\%", "\\_"), text, agree), { numRuns: 5_000 });
  });

  it("agrees with the definition for patterns without _", () => {
    fc.assert(fc.property(elements("a", "b", "🚀", "%", "\\%", "\\_"), text, agree), { numRuns: 5_000 });
  });

  it("agrees with the definition for patterns of more than 32 and 64 characters", () => {
    const long = fc.array(fc.constantFrom("a", "_", "b"), { minLength: 28, maxLength: 70 });
    fc.assert(
      fc.property(
        long,
        fc.array(fc.constantFrom("a", "b"), { minLength: 28, maxLength: 75 }),
        (pattern, characters) => {
          agree(pattern, characters);
          const own = pattern.map((element) => (element === "_" ? "🚀" : element));
          agree(pattern, own);
          agree([...pattern.slice(0, 20), "%", ...pattern.slice(22)], own);
        },
      ),
    );
  });

  it.each([
    ["many runs", `${"%a".repeat(400)}%b`, "a".repeat(60_000)],
    ["many runs with _", `${"%a_".repeat(300)}%b`, "a".repeat(60_000)],
    ["a long piece with _", `%${"a".repeat(500)}_${"a".repeat(500)}b%`, "a".repeat(60_000)],
    ["a long piece", `%b${"a".repeat(1_000)}%`, "a".repeat(60_000)],
    ["nothing but runs", "%".repeat(1_024), "a".repeat(60_000)],
  ])("takes time that is linear in the text: %s", (_name, pattern, longText) => {
    const matches = likeMatcher(pattern);
    const started = performance.now();
    expect(matches(longText)).toBe(pattern === "%".repeat(1_024));
    // Trying every place would take 60 million steps and more, backtracking would never end.
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
