/**
 * The process that `killed-consumer.test.ts` kills: it receives events and settles none. Its argument is a `Hold` as
 * JSON; it writes a line for each event that it holds.
 */
import type { BrokerName } from "../support/brokers.ts";
import { EVERYTHING, openTransport } from "../support/transports.ts";

export interface Hold {
  readonly broker: BrokerName;
  readonly server: string;
  readonly address: string;
  readonly group: string;
}

/** One that nobody kills would hold them for ever. */
const LIFETIME_MS = 60_000;
const PAGE = 100;

setTimeout(() => process.exit(1), LIFETIME_MS);
const { broker, server, address, group } = JSON.parse(process.argv[2] ?? "") as Hold;
const transport = await openTransport(broker, server);
const consumer = transport.consumer(address, group, { matcher: EVERYTHING });
for (;;) {
  const items = await consumer.receive(PAGE, new AbortController().signal);
  for (const { position } of items) process.stdout.write(`${position}\n`);
}
