import type { TransportPlan } from "../config/plan.ts";
import type { Capabilities } from "../transport/port.ts";
import type { CommandContext } from "./context.ts";

/** What the adapters of these transports declare, by the name of the transport. */
export async function declaredCapabilities(
  transports: readonly TransportPlan[],
  context: CommandContext,
): Promise<ReadonlyMap<string, Capabilities>> {
  const declared = new Map<string, Capabilities>();
  for (const { name, adapter } of transports) declared.set(name, await context.capabilities(adapter));
  return declared;
}
