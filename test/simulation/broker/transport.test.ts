/** The transport conformance suite on the simulated transport, in real time, which is what entitles the simulation to use it. */
import { randomUUID } from "node:crypto";
import { describe } from "vitest";
import { TOPIC_DEFAULTS } from "../../../src/config/topic.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import type { Harness } from "../../../src/transport/conformance/case.ts";
import { testConformance } from "../../support/conformance.ts";
import type { Circumstances } from "../circumstances.ts";
import { Broker } from "./broker.ts";
import { SimulatedTransport, type TransportSettings } from "./transport.ts";

/** Real time, and nothing goes wrong. */
const CALM: Circumstances = {
  now: () => systemClock.now(),
  after: (delayMs, run) => void (delayMs === 0 ? systemClock.soon(run) : systemClock.timer(delayMs, run)),
  effect: (run) => systemClock.soon(run),
  latencyMs: () => 0,
  verdict: () => "pass",
  strikes: () => false,
  random: Math.random,
  isAlive: true,
  crash: () => {},
  say: () => {},
};

function harnessOf(settings: TransportSettings): Harness {
  const broker = new Broker();
  const open = (): SimulatedTransport => new SimulatedTransport(broker, CALM, settings);
  let transport = open();
  return {
    get transport() {
      return transport;
    },
    async address() {
      const address = randomUUID();
      await transport.provision(address);
      return address;
    },
    name: () => randomUUID(),
    settings: TOPIC_DEFAULTS.settings,
    quietMs: 20,
    secrets: [],
    backlog: 1_000,
    keepsAcks: settings.keepsEachAck ? "each" : "offset",
    async open() {
      const other = open();
      return { transport: other, dispose: async () => {} };
    },
    async restart() {
      await transport.close();
      transport = open();
    },
    async publishForeign(address, bytes) {
      const topic = broker.topics.get(address);
      if (topic !== undefined) broker.store(topic, { malformed: "no CloudEvent", headers: [], bytes }, CALM.now());
    },
  };
}

const OMIT = {
  T64: "nobody else creates topics here",
  T72: "nothing on it is written sloppily",
  T73: "it knows no strict topics",
  T65: "it knows no envelope but CloudEvents",
  T63: "no lease ends here, and waiting for that takes long",
};

describe.each([
  { name: "a log with one offset a group", ordering: "topic", keepsEachAck: false },
  { name: "a log that keeps each ack", ordering: "topic", keepsEachAck: true },
  { name: "a queue that keeps no order", ordering: "none", keepsEachAck: true },
] as const)("the simulated transport as $name", (settings) => {
  const harness = harnessOf(settings);
  testConformance(() => harness, { timeoutMs: 30_000, omit: OMIT });
});
