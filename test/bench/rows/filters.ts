/**
 * A thousand filters over one event: what a fan-out to a thousand subscriptions pays for matching alone. Each event is
 * new, so that its data is parsed anew, and none of the filters is the same. In CPU time, since it is computation alone.
 */
import type { Event } from "../../../src/event/event.ts";
import { compileFilters, type Filter } from "../../../src/filter/filter.ts";
import type { Bench } from "../harness/bench.ts";
import { atMost, type Measurement, median } from "../harness/measurement.ts";

const FILTERS = 1_000;
const TARGET_MS = 1;
const ROUNDS = 200;
const EVENTS_A_ROUND = 10;

const KINDS: Readonly<Record<string, (n: number) => object>> = {
  exact: (n) => ({ exact: { subject: `tenant-${n}` } }),
  "CESQL of five comparisons": (n) => ({
    sql: `type = 'order' AND subject LIKE 'tenant-%' AND priority >= 1 AND priority < 9 AND tenant != 't${n}'`,
  }),
  "numbers in data": (n) => ({ data: { pointer: "/order/total", gte: n, lt: n + 500 } }),
  "data, after an attribute": (n) => ({
    all: [
      { data: { pointer: `/order/items/${n % 10}/sku`, exact: `s${n}` } },
      { exact: { subject: `tenant-${n % 10}` } },
    ],
  }),
};

export async function filters(_bench: Bench): Promise<readonly Measurement[]> {
  return Object.entries(KINDS).map(([kind, filterOf]) => measure(kind, filterOf));
}

function measure(kind: string, filterOf: (n: number) => object): Measurement {
  const compiled = Array.from({ length: FILTERS }, (_, n) => compileFilters([filterOf(n)], "/filters"));
  const rounds = Array.from({ length: ROUNDS }, (_, round) => roundMs(compiled, round));
  const value = median(rounds.slice(ROUNDS / 4)); // the first ones are the compiler's
  return {
    row: "filters",
    name: `${FILTERS} filters over one event: ${kind}`,
    value,
    unit: "ms",
    target: atMost(value, TARGET_MS, `${TARGET_MS} ms`),
    details: { fastest: Math.min(...rounds), slowest: Math.max(...rounds) },
  };
}

function roundMs(compiled: readonly Filter[], round: number): number {
  const events = Array.from({ length: EVENTS_A_ROUND }, (_, n) => eventOf(round * EVENTS_A_ROUND + n));
  let matched = 0;
  const before = process.cpuUsage();
  for (const event of events) for (const filter of compiled) if (filter.matches(event)) matched += 1;
  const { user, system } = process.cpuUsage(before);
  if (matched > FILTERS * EVENTS_A_ROUND) throw new Error("more matches than filters");
  return (user + system) / 1_000 / EVENTS_A_ROUND;
}

/** With 1 KiB of JSON. */
function eventOf(n: number): Event {
  const items = Array.from({ length: 20 }, (_, item) => ({ sku: `s${n + item}`, quantity: item, price: item * 1.5 }));
  const bytes = Buffer.from(JSON.stringify({ order: { id: n, total: n % 1_000, items } }));
  const [id, source, type] = [String(n), "/shop", "order"];
  const strings = { id, source, type, datacontenttype: "application/json", subject: `tenant-${n % 10}`, tenant: "t" };
  const attributes = [
    ...Object.entries(strings).map(([name, value]) => ({ name, type: "string", value }) as const),
    { name: "priority", type: "integer", value: "5" } as const,
  ];
  return { id, source, type, attributes, data: { kind: "binary", bytes }, structured: undefined };
}
