/**
 * What `pulsebus verify` runs: the conformance suite against one configured transport, or against an embedded log in a
 * temporary directory, with nothing else of the bus around it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan, TransportPlan } from "./config/plan.ts";
import { coverSecret } from "./config/secrets.ts";
import { TOPIC_DEFAULTS } from "./config/topic.ts";
import { EMBEDDED } from "./config/transports.ts";
import { PulsebusError } from "./errors.ts";
import { mapStrings } from "./json-value.ts";
import { VERIFY_CLOSE_MS_MAX } from "./limits.ts";
import { type Adapters, loadTransport } from "./open-transport.ts";
import { systemClock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { openDatabase } from "./sqlite/open.ts";
import type { Instance, Subject } from "./transport/conformance/scratch.ts";
import { type CaseReport, type VerifyObserver, verifyTransport } from "./transport/conformance/verify.ts";
import { type Transport, TransportError } from "./transport/port.ts";

/** The cases end in verdicts; what the parts say meanwhile would stand between them. */
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };
/** Shorter secrets stand in messages by chance. */
const SECRET_CHARS_COMPARED = 8;

/** Reports each case when it has ended. Rejects with `unavailable` when the transport can't be used. */
export async function* verify(
  plan: Plan,
  transport: TransportPlan,
  observer: VerifyObserver,
  adapters: Adapters,
): AsyncGenerator<CaseReport> {
  // A case that failed may leave calls behind which fail later: it is judged already.
  const ignore = (): void => {};
  process.on("unhandledRejection", ignore);
  try {
    const subjectOf = transport.name === EMBEDDED ? embeddedSubject : brokerSubject;
    yield* verifyTransport(await subjectOf(plan, transport, adapters), observer);
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    throw new PulsebusError("unavailable", `${transport.name} can't be used: ${error.message}`, { cause: error });
  } finally {
    process.off("unhandledRejection", ignore);
  }
}

function contextOf({ busId }: Plan) {
  return { busId, clock: systemClock, logger: SILENT };
}

async function brokerSubject(plan: Plan, transportPlan: TransportPlan, adapters: Adapters): Promise<Subject> {
  const { open, topicOptions } = await loadTransport(transportPlan, adapters);
  return {
    isShared: true,
    settings: { ...TOPIC_DEFAULTS.settings, key: "partitionkey", options: topicOptions({}) },
    secrets: secretsOf(transportPlan),
    async open() {
      let transport = await open(contextOf(plan));
      return {
        get transport() {
          return transport;
        },
        async restart() {
          await close(transport);
          transport = await open(contextOf(plan));
        },
        dispose: () => close(transport),
      };
    },
  };
}

async function embeddedSubject(plan: Plan, _transport: TransportPlan, adapters: Adapters): Promise<Subject> {
  return {
    isShared: false,
    settings: TOPIC_DEFAULTS.settings,
    secrets: [],
    open: () => openEmbedded(plan, adapters),
  };
}

/** A log in a directory of its own, which is removed with it. */
async function openEmbedded(plan: Plan, { embedded }: Adapters): Promise<Instance> {
  const directory = await mkdtemp(join(tmpdir(), "pulsebus-verify-"));
  const modules = [embedded.operations];
  const open = async () => {
    const database = await openDatabase({ directory, modules, minFreeBytes: 0, clock: systemClock, logger: SILENT });
    return { database, transport: await embedded.open(database, contextOf(plan)) };
  };
  let current = await open();
  const end = async (): Promise<void> => {
    await close(current.transport);
    await current.database.close();
  };
  return {
    get transport() {
      return current.transport;
    },
    async restart() {
      await end();
      current = await open();
    },
    async dispose() {
      await end();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function close(transport: Transport): Promise<void> {
  return transport.close(systemClock.now() + VERIFY_CLOSE_MS_MAX);
}

function secretsOf({ settings }: TransportPlan): readonly string[] {
  const secrets: string[] = [];
  mapStrings(settings, (text, at) => {
    if (text.length >= SECRET_CHARS_COMPARED && coverSecret(text, at) !== text) secrets.push(text);
    return text;
  });
  return secrets;
}
