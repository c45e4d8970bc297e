/** Which dead letters a redrive or discard means: `{"ids": [...]}`, `{"filter": {...}}` or `{"all": true}`. */
import type { DeadLetterSelection } from "../../bus/bus.ts";
import { isObject } from "../../json-value.ts";
import { SELECTION_IDS_MAX } from "../../limits.ts";
import { faultAt } from "../../pointer.ts";
import type { DeliveryFilter } from "../../store/port.ts";
import { filterOfJson } from "./delivery-filter.ts";

/** Throws `invalid-request` with the pointer of the fault. Nothing is selected by leaving things out. */
export function readSelection(body: unknown): DeadLetterSelection {
  const members = isObject(body) ? Object.entries(body) : [];
  const [name, value] = members[0] ?? [];
  if (members.length === 1 && name === "all" && value === true) return { all: true };
  if (members.length === 1 && name === "ids") return { ids: readIds(value) };
  if (members.length === 1 && name === "filter") return { filter: readFilter(value) };
  throw faultAt("invalid-request", "", 'the body must be {"ids": [...]}, {"filter": {...}} or {"all": true}');
}

function readIds(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > SELECTION_IDS_MAX) {
    throw faultAt("invalid-request", "/ids", `must be an array of 1 to ${SELECTION_IDS_MAX} dead letter ids`);
  }
  const wrong = value.findIndex((id) => typeof id !== "string");
  if (wrong !== -1) throw faultAt("invalid-request", `/ids/${wrong}`, "must be a string");
  return value;
}

function readFilter(value: unknown): DeliveryFilter {
  if (!isObject(value) || Object.keys(value).length === 0) {
    throw faultAt(
      "invalid-request",
      "/filter",
      'must be an object with at least one condition; {"all": true} takes all',
    );
  }
  return filterOfJson(value, "/filter");
}
