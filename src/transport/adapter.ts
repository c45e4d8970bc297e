/**
 * What the module of an adapter (`adapters/X/adapter.ts`) exports as `adapter`: the technology, before any instance of
 * it is configured. It is loaded only when a configuration names it, so that no SDK is loaded in vain.
 */
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Capabilities, Transport } from "./port.ts";

export interface Adapter {
  /**
   * JSON Schema 2020-12 (`schemas/adapters/X.schema.json`): the settings of a transport besides `adapter`, and under
   * `$defs.topic` what a topic on it may say under `options`. Descriptions and defaults are its documentation.
   */
  readonly schema: object;
  /** Of every instance, unless its settings narrow them: what `check` and the documentation read. */
  readonly capabilities: Capabilities;
  /** Opens one instance. `settings` are valid by the schema, defaults applied. Does not wait for the broker. */
  open(settings: Readonly<Record<string, unknown>>, context: AdapterContext): Promise<Transport>;
}

export interface AdapterContext {
  /** The transport's name in the configuration, for messages. */
  readonly name: string;
  readonly busId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}
