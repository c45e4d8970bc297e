/** Opens what the configuration names with the adapters that this build has: what every command that runs one shares. */
import type { OpenTransport } from "./bus/context.ts";
import { validateAdapterSettings } from "./config/adapter-settings.ts";
import type { Plan, TransportPlan } from "./config/plan.ts";
import { EMBEDDED } from "./config/transports.ts";
import { faultAt } from "./pointer.ts";
import type { Database } from "./sqlite/database.ts";
import type { Adapter, AdapterContext } from "./transport/adapter.ts";
import type { TopicSettings, Transport } from "./transport/port.ts";

/** The adapters that this build has, handed in by the composition root. */
export interface Adapters {
  /** Loads an adapter by its name; undefined when this build has none of that name. */
  load(name: string): Promise<Adapter | undefined>;
  /** The embedded log, which shares the database with the store. */
  readonly embedded: {
    /** Its operations module, for the database's threads. */
    readonly operations: URL;
    open(database: Database, options: Omit<AdapterContext, "name">): Promise<Transport>;
  };
}

/** A transport other than the embedded one, whose settings are valid; it may be opened more than once. */
interface LoadedTransport {
  readonly topicOptions: OpenTransport["topicOptions"];
  open(context: Omit<AdapterContext, "name">): Promise<Transport>;
}

/** Throws `invalid-request` for settings that the adapter does not take. */
export async function loadTransport(plan: TransportPlan, adapters: Adapters): Promise<LoadedTransport> {
  const { name, adapter, settings } = plan;
  const loaded = await adapters.load(adapter);
  if (loaded === undefined) throw new Error(`the plan names an adapter that is not there: ${adapter}`);
  const { schema } = loaded;
  const valid = validateAdapterSettings(schema, "", settings, `/transports/${name}`);
  return {
    topicOptions: (options) => validateAdapterSettings(schema, "/$defs/topic", options, "/options"),
    open: (context) => loaded.open(valid, { name, ...context }),
  };
}

/** Opens all transports of a plan, one after the other, so that the caller can close those before one that fails. */
export async function* openTransports(
  plan: Plan,
  database: Database,
  adapters: Adapters,
  context: Omit<AdapterContext, "name">,
): AsyncGenerator<OpenTransport> {
  for (const transportPlan of plan.transports) {
    const { name, adapter } = transportPlan;
    if (name === EMBEDDED) {
      const transport = await adapters.embedded.open(database, context);
      yield { name, adapter, transport, topicOptions: refuseOptions };
    } else {
      const { open, topicOptions } = await loadTransport(transportPlan, adapters);
      yield { name, adapter, transport: await open(context), topicOptions };
    }
  }
}

function refuseOptions(options: TopicSettings["options"]) {
  const [first] = Object.keys(options);
  if (first === undefined) return options;
  throw faultAt("invalid-request", `/options/${first}`, "the embedded transport has no options");
}
