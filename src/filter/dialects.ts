/** The registry of filter dialects: one file and one line each (CloudEvents Subscriptions API §3.2.4). */
import { all } from "./all.ts";
import { any } from "./any.ts";
import { sql } from "./cesql/sql.ts";
import { data } from "./data/data.ts";
import type { Dialect } from "./dialect.ts";
import { exact } from "./exact.ts";
import { not } from "./not.ts";
import { prefix } from "./prefix.ts";
import { suffix } from "./suffix.ts";

export const DIALECTS: ReadonlyMap<string, Dialect> = new Map([
  ["exact", exact],
  ["prefix", prefix],
  ["suffix", suffix],
  ["all", all],
  ["any", any],
  ["not", not],
  ["sql", sql],
  ["cesql", sql], // Knative's name of it
  ["data", data], // ours: the filters of the specification see attributes only
]);
