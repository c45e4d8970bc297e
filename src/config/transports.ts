/** Transports: the embedded one, which is always there, and those that the configuration names. */
import { faultAt, joinPointer } from "../pointer.ts";
import type { Faults } from "./faults.ts";
import type { ConfigInput, TransportInput } from "./input.ts";
import type { TransportPlan } from "./plan.ts";
import { closest } from "./suggest.ts";

export const EMBEDDED = "embedded";

export function planTransports(
  config: ConfigInput,
  adapters: readonly string[],
  faults: Faults,
): readonly TransportPlan[] {
  const configured = Object.entries(config.transports ?? {});
  for (const [name, { adapter }] of configured) {
    const fault = adapterFault(name, adapter, adapters);
    if (fault !== undefined)
      faults.add(faultAt("invalid-configuration", joinPointer("/transports", name, "adapter"), fault));
  }
  const others = configured.filter(([name]) => name !== EMBEDDED);
  if (others.length > 0 && config.bus?.id === undefined) {
    const reason = "is missing: transports are configured, and what they keep for this bus is named after it";
    faults.add(faultAt("invalid-configuration", "/bus/id", reason));
  }
  return [{ name: EMBEDDED, adapter: EMBEDDED, settings: {} }, ...others.map(planTransport)];
}

function planTransport([name, { adapter, ...settings }]: readonly [string, TransportInput]): TransportPlan {
  return { name, adapter, settings };
}

function adapterFault(name: string, adapter: string, adapters: readonly string[]): string | undefined {
  if (name === EMBEDDED || adapter === EMBEDDED) {
    return `leave this transport out: "${EMBEDDED}" is always there, once, and needs no settings`;
  }
  if (adapters.includes(adapter)) return undefined;
  const guess = closest(adapter, adapters);
  const known = guess === undefined ? `there are ${adapters.join(", ")}` : `did you mean ${JSON.stringify(guess)}?`;
  return `${JSON.stringify(adapter)} is no adapter of this version of Pulsebus; ${known}`;
}
