/** The composition root: the only file that knows both the core and the adapters. */
import { adapters, loadEmbedded } from "../adapters/index.ts";
import { runProgram } from "./cli/program.ts";
import { processTerminal, tolerateBrokenPipe } from "./cli/terminal.ts";
import { EMBEDDED } from "./config/transports.ts";
import type { Adapters } from "./open-transport.ts";
import { sibling } from "./runtime/sibling.ts";

tolerateBrokenPipe();
process.exitCode = await runProgram(process.argv.slice(2), {
  terminal: processTerminal,
  adapters: Object.keys(adapters),
  async capabilities(name) {
    if (name === EMBEDDED) return (await loadEmbedded()).CAPABILITIES;
    const loaded = await adapters[name]?.();
    if (loaded === undefined) throw new Error(`there is no adapter ${name}`);
    return loaded.adapter.capabilities;
  },
  async serve(options) {
    const { serve } = await import("./serve.ts");
    await serve(options, await allAdapters());
  },
  async *verify(plan, transport, observer) {
    const { verify } = await import("./verify.ts");
    yield* verify(plan, transport, observer, await allAdapters());
  },
});

async function allAdapters(): Promise<Adapters> {
  const { openEmbedded } = await loadEmbedded();
  return {
    load: async (name) => (await adapters[name]?.())?.adapter,
    embedded: { operations: sibling(import.meta.url, "../adapters/embedded/operations"), open: openEmbedded },
  };
}
