/** The settings of a transport, as `schemas/adapters/kafka.schema.json` has them, and what Kafka's client makes of them. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { BaseOptions, CompressionAlgorithmValue, SASLOptions } from "@platformatic/kafka";
import { TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

export interface KafkaSettings {
  readonly servers: readonly string[];
  readonly clientId: string;
  readonly tls?: false | true | TlsSettings;
  readonly sasl?: SaslSettings;
  readonly rack?: string;
  readonly compression: CompressionAlgorithmValue;
  readonly eventBytes: number;
}

interface TlsSettings {
  readonly ca?: string;
  readonly caFile?: string;
  readonly cert?: string;
  readonly certFile?: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly passphrase?: string;
  readonly serverName?: string;
  readonly rejectUnauthorized: boolean;
}

interface SaslSettings {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER";
  readonly username?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

/** What a topic may say under `options`. */
export interface TopicOptions {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** Options that all clients share. No client retries by itself: what is tried again is decided here. */
export function clientOptions(settings: KafkaSettings): BaseOptions {
  const { servers, clientId, tls, sasl, rack } = settings;
  return {
    clientId,
    bootstrapBrokers: [...servers],
    retries: 0,
    connectTimeout: LIMITS.stallMs,
    autocreateTopics: false,
    ...(rack === undefined ? {} : { clientRack: rack }),
    ...(tls === undefined || tls === false ? {} : { tls: tls === true ? {} : tlsOptions(tls) }),
    ...(tls === undefined || tls === false ? {} : { tlsServerName: serverName(tls, servers) }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  };
}

/** `true`: each host's own name, which an address does not have. */
function serverName(tls: true | TlsSettings, servers: readonly string[]): string | boolean {
  const given = tls === true ? undefined : tls.serverName;
  return given ?? !servers.every((server) => isIP(server.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")) !== 0);
}

function tlsOptions({ ca, caFile, cert, certFile, key, keyFile, passphrase, rejectUnauthorized }: TlsSettings) {
  const given = {
    ca: ca ?? contentOf(caFile, "tls.caFile"),
    cert: cert ?? contentOf(certFile, "tls.certFile"),
    key: key ?? contentOf(keyFile, "tls.keyFile"),
    passphrase,
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { rejectUnauthorized, ...Object.fromEntries(set) };
}

function contentOf(file: string | undefined, at: string): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new TransportError("invalid", `${at} can't be read`, { cause: error });
  }
}

/** Files are read for each authentication, so that a rotated secret needs no restart. */
function saslOptions({ mechanism, username, password, passwordFile, token, tokenFile }: SaslSettings): SASLOptions {
  const secret = passwordFile === undefined ? password : () => firstLine(passwordFile);
  const bearer = tokenFile === undefined ? token : () => firstLine(tokenFile);
  return {
    mechanism,
    ...(username === undefined ? {} : { username }),
    ...(secret === undefined ? {} : { password: secret }),
    ...(bearer === undefined ? {} : { token: bearer }),
  };
}

async function firstLine(file: string): Promise<string> {
  return (await readFile(file, "utf8")).trimEnd();
}
