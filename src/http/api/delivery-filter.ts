/** Which deliveries a list, a redrive or a discard means. */

import { PulsebusError } from "../../errors.ts";
import type { DeadLetterReason, DeliveryFilter } from "../../store/port.ts";
import { parseTime, type Query } from "./query.ts";

/** What all deliveries can be told apart by. */
export const IDENTITY_CONDITIONS: readonly string[] = ["type", "source", "eventId"];
export const DEAD_LETTER_CONDITIONS: readonly string[] = [...IDENTITY_CONDITIONS, "reason", "since", "until"];

const REASONS: readonly DeadLetterReason[] = [
  "rejected",
  "exhausted",
  "expired",
  "loop",
  "malformed",
  "poison",
  "transform",
];

export function filterOfQuery(query: Query, conditions: readonly string[]): DeliveryFilter {
  const given = conditions.filter((name) => query.text(name) !== undefined);
  return merged(given.map((name) => readCondition(name, query.text(name), name)));
}

/** `at` is the JSON pointer of `filter`. */
export function filterOfJson(filter: object, at: string): DeliveryFilter {
  return merged(Object.entries(filter).map(([name, value]) => readCondition(name, value, `${at}/${name}`)));
}

function merged(conditions: readonly DeliveryFilter[]): DeliveryFilter {
  return Object.assign({}, ...conditions);
}

function readCondition(name: string, value: unknown, at: string): DeliveryFilter {
  if (typeof value !== "string") throw invalid(at, "must be a string");
  switch (name) {
    case "type":
    case "source":
    case "eventId":
      return { [name]: value };
    case "since":
    case "until":
      return { [name]: parseTime(value, at) };
    case "reason": {
      const reason = REASONS.find((known) => known === value);
      if (reason === undefined) throw invalid(at, `must be one of ${REASONS.join(", ")}`);
      return { reason };
    }
    default:
      throw invalid(at, `is not known; known are: ${DEAD_LETTER_CONDITIONS.join(", ")}`);
  }
}

function invalid(at: string, problem: string): PulsebusError {
  return new PulsebusError("invalid-request", `${at} ${problem}`, { at });
}
