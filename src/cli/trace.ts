/** `pulsebus trace`: what happened to one event, for each subscription of its topic. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import { addExamples, addServerOptions, connect, type ServerOptions, segment } from "./options.ts";
import { type Column, table } from "./output.ts";
import type { DeliveryWithHistory, TraceDelivery, TraceResource } from "./resources.ts";

interface TraceOptions extends ServerOptions {
  readonly topic: string;
  readonly source: string;
  readonly id: string;
}

const COLUMNS: readonly Column<TraceDelivery>[] = [
  { title: "subscription", value: ({ subscription }) => subscription },
  { title: "state", value: ({ state }) => state },
  { title: "attempts", value: ({ delivery, recent }) => delivery?.attempts ?? recent?.attempt },
  { title: "status", value: ({ delivery, recent }) => delivery?.lastStatus ?? recent?.status },
  { title: "at", value: ({ delivery, recent }) => delivery?.lastAttemptAt ?? recent?.at },
  { title: "next", value: ({ delivery }) => delivery?.nextAttemptAt },
  { title: "why", value: ({ delivery }) => delivery?.detail ?? delivery?.lastError },
];

export function defineTrace(command: Command, { terminal }: CommandContext): void {
  addServerOptions(command, terminal)
    .requiredOption("--topic <name>", "topic that the event was published to")
    .requiredOption("--source <uri>", "source of the event")
    .requiredOption("--id <id>", "id of the event")
    .action(async ({ topic, source, id, ...options }: TraceOptions) => {
      const { client, output } = connect(options, terminal);
      const query = new URLSearchParams({ source, id });
      const trace = await client.read<TraceResource>(`/topics/${segment(topic)}/trace?${query}`);
      if (trace.occurrences.length === 0 && trace.rows.length === 0) {
        const searched = trace.complete ? "" : ", in the part of its log that was searched";
        throw new CommandFailure(`topic ${topic} has no event ${id} of ${source}${searched}`, EXIT.failed);
      }
      output.result(trace, traceText(trace));
    });
  addExamples(command, ["pulsebus trace --topic orders --source /shop --id A-1"]);
}

function traceText({ occurrences, rows, complete }: TraceResource): string {
  const parts = occurrences.map(
    ({ position, storedAt, deliveries }) =>
      `stored ${storedAt ?? "at an unknown time"} at position ${position}\n${deliveriesText(deliveries)}`,
  );
  if (rows.length > 0) parts.push(`no longer in the log\n${table(rows.map(asTraceDelivery), COLUMNS)}`);
  if (!complete) parts.push("older events were not searched");
  return parts.join("\n\n");
}

function deliveriesText(deliveries: readonly TraceDelivery[]): string {
  return deliveries.length === 0 ? "no subscription has it" : table(deliveries, COLUMNS);
}

function asTraceDelivery(delivery: DeliveryWithHistory): TraceDelivery {
  const state = delivery.state === "dead" ? "dead-lettered" : "parked";
  return { subscription: delivery.subscription, state, delivery, recent: null };
}
