/** `pulsebus verify`: whether a configured transport behaves as its adapter declares. Needs no server. */
import type { Command } from "commander";
import { loadPlan } from "../config/load.ts";
import type { Plan, TransportPlan } from "../config/plan.ts";
import type { CaseReport } from "../transport/conformance/verify.ts";
import type { Capabilities } from "../transport/port.ts";
import {
  CAPABILITY_NAMES,
  type CapabilityName,
  capabilityLabel,
  capabilityWords,
  describeMove,
} from "./capability-words.ts";
import { addConfigurationOptions, type ConfigurationOptions, loadOptions } from "./configuration.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, usageFailure } from "./failure.ts";
import { addExamples, addJsonOption } from "./options.ts";
import { type Column, Output } from "./output.ts";

interface VerifyOptions extends ConfigurationOptions {
  readonly against?: string;
  readonly json?: boolean;
}

interface CapabilityRow {
  readonly capability: CapabilityName;
  readonly declared: string;
  /** As the cases that looked at it say; `inDoubt` names those which found something else. */
  readonly observed: "as declared" | "in doubt" | "not shown";
  readonly cases: readonly string[];
  readonly inDoubt: readonly string[];
}

const CASE_COLUMNS: readonly Column<CaseReport>[] = [
  { title: "case", value: ({ id }) => id },
  { title: "declared", value: ({ declared }) => (declared ? "yes" : "no") },
  { title: "observed", value: ({ observed }) => (observed === undefined ? "not shown" : observed ? "yes" : "no") },
  { title: "behaviour", value: ({ title, reason }) => (reason === undefined ? title : `${title}: ${reason}`) },
];

const CAPABILITY_COLUMNS: readonly Column<CapabilityRow>[] = [
  { title: "capability", value: ({ capability }) => capability },
  { title: "declared", value: ({ capability, declared }) => `${capabilityLabel(capability)}: ${declared}` },
  { title: "observed", value: ({ observed, inDoubt }) => [observed, ...inDoubt].join(" ") },
];

export function defineVerify(command: Command, context: CommandContext): void {
  addJsonOption(
    addConfigurationOptions(command.argument("<transport>", "a transport of the configuration, or embedded")),
  )
    .option("--against <other>", "say also what changes for a topic that moves to this other transport")
    .action((name: string, options: VerifyOptions) => run(name, options, context));
  addExamples(command, [
    "pulsebus verify embedded",
    "pulsebus verify nats --config pulsebus.yaml",
    "pulsebus verify nats --against kafka --json",
  ]);
  command.addHelpText(
    "after",
    `
Its topics and groups have names that start with pulsebus-verify- and are removed at the end, also
after Ctrl-C. It publishes some ten thousand small events and takes a few minutes. What would need
an outage, or messages of others, is not shown. Exit status 0: everything observed is as declared.`,
  );
}

async function run(name: string, { against, json, ...options }: VerifyOptions, context: CommandContext): Promise<void> {
  const output = new Output(context.terminal, json === true);
  const plan = await loadPlan(loadOptions(options, context));
  const transport = transportOf(plan, name);
  const other = against === undefined ? undefined : transportOf(plan, against);
  const capabilities = await context.capabilities(transport.adapter);
  const reports: CaseReport[] = [];
  await output.list(collecting(examine(plan, transport, context, output), reports), CASE_COLUMNS, "no case was run");
  output.note("");
  await output.list(each(matrix(reports, capabilities)), CAPABILITY_COLUMNS, "");
  if (other !== undefined)
    printMove(transport, other, [capabilities, await context.capabilities(other.adapter)], output);
  conclude(transport, reports);
}

function transportOf({ transports }: Plan, name: string): TransportPlan {
  const found = transports.find((transport) => transport.name === name);
  if (found !== undefined) return found;
  throw usageFailure(
    `there is no transport ${JSON.stringify(name)}; there are ${transports.map((one) => one.name).join(", ")}`,
  );
}

/** Runs the cases; rejects after a Ctrl-C, once everything is removed. */
async function* examine(plan: Plan, transport: TransportPlan, { terminal, verify }: CommandContext, output: Output) {
  const interruption = new AbortController();
  void terminal.interrupted().then(() => interruption.abort());
  yield* verify(plan, transport, {
    signal: interruption.signal,
    onLeftover: ({ address, reason }) => output.note(`warning: ${address} could not be removed: ${reason}`),
  });
  if (interruption.signal.aborted) throw new CommandFailure("interrupted before all cases were run");
}

async function* collecting<T>(items: AsyncIterable<T>, into: T[]): AsyncGenerator<T> {
  for await (const item of items) {
    into.push(item);
    yield item;
  }
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function matrix(reports: readonly CaseReport[], capabilities: Capabilities): readonly CapabilityRow[] {
  return CAPABILITY_NAMES.map((capability) => {
    const shown = reports.filter((report) => report.observed !== undefined && report.capabilities.includes(capability));
    const inDoubt = shown.filter(isDifferent).map(({ id }) => id);
    const observed = inDoubt.length > 0 ? "in doubt" : shown.length > 0 ? "as declared" : "not shown";
    const declared = capabilityWords(capability, capabilities);
    return { capability, declared, observed, cases: shown.map(({ id }) => id), inDoubt };
  });
}

function printMove(
  from: TransportPlan,
  to: TransportPlan,
  [before, after]: readonly [Capabilities, Capabilities],
  output: Output,
): void {
  const changes = describeMove(before, after);
  const head = `\nA topic that moves from ${from.name} to ${to.name}:`;
  const lines = changes.length === 0 ? ["nothing changes"] : changes;
  output.result({ from: from.name, to: to.name, changes }, [head, ...lines.map((line) => `  ${line}`)].join("\n"));
}

function isDifferent({ declared, observed }: CaseReport): boolean {
  return observed !== undefined && observed !== declared;
}

function conclude({ name }: TransportPlan, reports: readonly CaseReport[]): void {
  const different = reports.filter(isDifferent);
  if (different.length === 0) return;
  throw new CommandFailure(`${name} does not behave as declared: ${different.map(({ id }) => id).join(", ")}`);
}
