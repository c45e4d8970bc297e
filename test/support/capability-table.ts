/** The README's table of what the adapters can do, from what they declare. */
import { adapters, loadEmbedded } from "../../adapters/index.ts";
import { CAPABILITY_NAMES, capabilityLabel, capabilityWords } from "../../src/cli/capability-words.ts";
import type { Capabilities } from "../../src/transport/port.ts";

/** A row for each capability, a column for each adapter. */
export async function capabilityTable(): Promise<string> {
  const declared = await declaredCapabilities();
  const rows = [
    ["", ...declared.keys()],
    ["---", ...[...declared].map(() => "---")],
    ...CAPABILITY_NAMES.map((name) => [
      capabilityLabel(name),
      ...[...declared.values()].map((capabilities) => capabilityWords(name, capabilities)),
    ]),
  ];
  return rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

async function declaredCapabilities(): Promise<ReadonlyMap<string, Capabilities>> {
  const declared = new Map([["embedded", (await loadEmbedded()).CAPABILITIES]]);
  for (const [name, load] of Object.entries(adapters)) declared.set(name, (await load()).adapter.capabilities);
  return declared;
}
