/** Query parameters: known ones only, each at most once, each read under its rule. */
import { PulsebusError } from "../../errors.ts";
import { timestampProblem } from "../../event/timestamp.ts";
import { PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX } from "../../limits.ts";

export interface PageRequest {
  readonly cursor: string | undefined;
  readonly limit: number;
}

export class Query {
  readonly #params: URLSearchParams;

  /** Throws `invalid-request` with the name of a parameter that is not in `known` or is given twice. */
  constructor(params: URLSearchParams, known: readonly string[]) {
    for (const name of params.keys()) {
      if (!known.includes(name)) {
        const names = known.length === 0 ? "none" : known.join(", ");
        throw invalidParameter(name, `is not known here; known are: ${names}`);
      }
      if (params.getAll(name).length > 1) throw invalidParameter(name, "is given more than once");
    }
    this.#params = params;
  }

  text(name: string): string | undefined {
    return this.#params.get(name) ?? undefined;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") throw invalidParameter(name, "is required");
    return value;
  }

  /** One of some words. */
  choice<Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw invalidParameter(name, `must be one of ${words.join(", ")}`);
    return word;
  }

  /** Milliseconds since the epoch of an RFC 3339 timestamp. */
  time(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : parseTime(value, name);
  }

  /** `limit`, at most and by default as in `src/limits.ts`. */
  limit(): number {
    const value = this.text("limit");
    if (value === undefined) return PAGE_ROWS_DEFAULT;
    const limit = /^\d{1,9}$/.test(value) ? Number(value) : 0;
    if (limit < 1 || limit > PAGE_ROWS_MAX) {
      throw invalidParameter("limit", `must be a whole number from 1 to ${PAGE_ROWS_MAX}`);
    }
    return limit;
  }

  page(): PageRequest {
    return { cursor: this.text("cursor"), limit: this.limit() };
  }
}

/** Milliseconds since the epoch; throws `invalid-request` at `at`. */
export function parseTime(value: string, at: string): number {
  const ms = timestampProblem(value) === undefined ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new PulsebusError("invalid-request", `${at} must be an RFC 3339 timestamp such as 2030-01-31T12:00:00Z`, {
      at,
    });
  }
  return ms;
}

function invalidParameter(name: string, problem: string): PulsebusError {
  return new PulsebusError("invalid-request", `the query parameter "${name}" ${problem}`, { at: name });
}
