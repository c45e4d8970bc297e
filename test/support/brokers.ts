/**
 * The brokers that tests run on. Each is found on loopback where `npm run brokers:start` puts it, or where an
 * environment variable says. A test whose broker is not there is skipped, which is printed, and fails when
 * `REQUIRE_BROKERS` names the broker.
 */
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, it } from "vitest";

const SCRIPT = new URL("../../scripts/brokers/brokers.sh", import.meta.url).pathname;
/** What is not there refuses at once; what is there may be slow on a machine that is busy. */
const CONNECT_MS = 10_000;
/** Three brokers of the Java kind at once on a small machine. */
const START_MS = 120_000;
/** Below the ports that systems give to outgoing connections, so that nothing takes one while its broker is down. */
const OWN_PORTS = { from: 20_000, to: 32_000 };

interface Kind {
  /** Says where the shared one is. */
  readonly variable: string;
  readonly address: (port: number) => string;
  readonly sharedPort: number;
  /** What one that `brokers.sh` starts is told its ports by. The first is where it answers. */
  readonly portVariables: readonly string[];
}

const KINDS = {
  nats: {
    variable: "NATS_URL",
    address: (port) => `nats://127.0.0.1:${port}`,
    sharedPort: 14_222,
    portVariables: ["NATS_PORT"],
  },
  amqp: {
    variable: "AMQP_URL",
    address: (port) => `amqp://guest:guest@127.0.0.1:${port}`,
    sharedPort: 15_672,
    portVariables: ["AMQP_PORT", "AMQP_DISTRIBUTION_PORT", "AMQP_EPMD_PORT"],
  },
  kafka: {
    variable: "KAFKA_BROKERS",
    address: (port) => `127.0.0.1:${port}`,
    sharedPort: 19_092,
    portVariables: ["KAFKA_PORT", "KAFKA_CONTROLLER_PORT"],
  },
  "gcp-pubsub": {
    variable: "PUBSUB_EMULATOR_HOST",
    address: (port) => `127.0.0.1:${port}`,
    sharedPort: 18_085,
    portVariables: ["PUBSUB_PORT"],
  },
} satisfies Readonly<Record<string, Kind>>;

export type BrokerName = keyof typeof KINDS;

/** Where the shared broker is: a URL, or `host:port` (several with commas) where its clients take that. */
export function brokerAddress(name: BrokerName): string {
  const { variable, address, sharedPort, portVariables } = KINDS[name];
  const startedPort = process.env[portVariables[0] ?? ""];
  return process.env[variable] ?? address(Number(startedPort ?? sharedPort));
}

/** A suite on the shared broker. Nothing in it may stop the broker or count on being alone. */
export async function describeBroker(name: BrokerName, title: string, suite: (address: string) => void): Promise<void> {
  await describeBrokers([name], title, () => suite(brokerAddress(name)));
}

/** The same on several of them at once. */
export async function describeBrokers(names: readonly BrokerName[], title: string, suite: () => void): Promise<void> {
  const missing = await Promise.all(names.map(missingBroker));
  describeUnless(
    missing.filter((broker) => broker !== undefined),
    title,
    suite,
  );
}

/** A suite on a broker of its own, which it may stop, kill and start. */
export function describeOwnBroker(
  name: BrokerName,
  title: string,
  suite: (broker: OwnBroker) => void,
  options: OwnBrokerOptions = {},
): void {
  const reason = `${name} is not installed: npm run brokers:install`;
  describeUnless(isInstalled(name) ? [] : [{ name, reason }], title, () => {
    const broker = new OwnBroker(name, options);
    beforeAll(() => broker.create(), START_MS);
    afterAll(() => broker.remove(), START_MS);
    suite(broker);
  });
}

interface OwnBrokerOptions {
  /** The port that Kafka tells its clients to connect to, when that is a proxy's. */
  readonly advertisedPort?: () => number | Promise<number>;
  /** More variables of the script that starts it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A broker that one test file has for itself. */
export class OwnBroker {
  readonly #name: BrokerName;
  readonly #options: OwnBrokerOptions;
  #directory = "";
  #environment: Record<string, string> = {};
  #port = 0;

  constructor(name: BrokerName, options: OwnBrokerOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** On 127.0.0.1; the same after a restart. */
  get port(): number {
    if (this.#port === 0) throw new Error("the broker is there from beforeAll on");
    return this.#port;
  }

  /** As `brokerAddress`. */
  get address(): string {
    return KINDS[this.#name].address(this.port);
  }

  /** The address for clients that go through a proxy. */
  addressAt(port: number): string {
    return KINDS[this.#name].address(port);
  }

  async create(): Promise<void> {
    const { portVariables } = KINDS[this.#name];
    const { advertisedPort } = this.#options;
    this.#directory = await mkdtemp(join(tmpdir(), `pulsebus-${this.#name}-`));
    this.#environment.BROKERS_DATA = this.#directory;
    this.#environment.BROKERS_OWNER = `${process.pid}`;
    for (const variable of portVariables) this.#environment[variable] = `${await freePort()}`;
    if (advertisedPort !== undefined) this.#environment.KAFKA_ADVERTISED_PORT = `${await advertisedPort()}`;
    this.#port = Number(this.#environment[portVariables[0] ?? ""]);
    await this.start();
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    await this.#run("start");
  }

  async stop(): Promise<void> {
    await this.#run("stop");
  }

  /** As a crash. */
  async kill(): Promise<void> {
    await this.#run("kill");
  }

  async remove(): Promise<void> {
    if (this.#directory === "") return;
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #run(command: "start" | "stop" | "kill"): Promise<void> {
    const env = { ...process.env, ...this.#options.environment, ...this.#environment };
    await promisify(execFile)("bash", [SCRIPT, command, this.#name], { env, timeout: START_MS });
  }
}

/** Resolves to a port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = OWN_PORTS.from + Math.floor(Math.random() * (OWN_PORTS.to - OWN_PORTS.from));
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue; // taken
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

interface MissingBroker {
  readonly name: BrokerName;
  readonly reason: string;
}

async function missingBroker(name: BrokerName): Promise<MissingBroker | undefined> {
  const address = brokerAddress(name);
  if (await isReachable(address)) return undefined;
  const cure = `npm run brokers:start, or set ${KINDS[name].variable}`;
  return { name, reason: `${name} does not answer at ${withoutCredentials(address)}: ${cure}` };
}

/** Runs the suite; or, with the reasons why it can't run, skips it or fails. */
function describeUnless(missing: readonly MissingBroker[], title: string, suite: () => void): void {
  if (missing.length === 0) {
    describe(title, suite);
    return;
  }
  const reasons = missing.map(({ reason }) => reason).join("; ");
  const required = requiredBrokers();
  if (missing.some(({ name }) => required.has(name))) {
    describe(title, () => {
      it("has its brokers, which REQUIRE_BROKERS names", () => {
        throw new Error(reasons);
      });
    });
    return;
  }
  process.stderr.write(`skipped: ${title}: ${reasons}\n`);
  describe.skip(`${title} (skipped: ${reasons})`, suite);
}

function requiredBrokers(): ReadonlySet<string> {
  const names = (process.env.REQUIRE_BROKERS ?? "").split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !(name in KINDS));
  if (unknown !== undefined) {
    throw new Error(`REQUIRE_BROKERS names ${unknown}; there are ${Object.keys(KINDS).join(", ")}`);
  }
  return new Set(names);
}

function isInstalled(name: BrokerName): boolean {
  try {
    execFileSync("bash", [SCRIPT, "installed", name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Whether anything takes connections at the address. */
export async function isReachable(address: string): Promise<boolean> {
  const [first = ""] = address.split(",");
  const { hostname, port } = new URL(first.includes("://") ? first : `tcp://${first}`);
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function withoutCredentials(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//");
}
