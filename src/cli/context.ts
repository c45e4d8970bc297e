import type { LoadOptions } from "../config/load.ts";
import type { Plan, TransportPlan } from "../config/plan.ts";
import type { CaseReport, VerifyObserver } from "../transport/conformance/verify.ts";
import type { Capabilities } from "../transport/port.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is given besides its arguments. The composition root, which knows the adapters, fills it. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** The names of the adapters of this build. */
  readonly adapters: readonly string[];
  /** What an adapter declares, by its name; loads it, but opens nothing. */
  readonly capabilities: (adapter: string) => Promise<Capabilities>;
  /** Runs the bus with this configuration; resolves once it has stopped in good order. */
  readonly serve: (configuration: LoadOptions) => Promise<void>;
  /** Runs the conformance suite against a transport of the plan; reports each case when it has ended. */
  readonly verify: (plan: Plan, transport: TransportPlan, observer: VerifyObserver) => AsyncIterable<CaseReport>;
}
