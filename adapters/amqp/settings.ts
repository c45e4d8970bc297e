/** The settings of a transport, as the schema has them, and what the client makes of them. */
import { readFile } from "node:fs/promises";
import { credentials } from "amqplib";
import { TransportError } from "../../src/transport/port.ts";
import { LIMITS } from "./limits.ts";

interface TlsSettings {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly passphrase?: string;
  readonly serverName?: string;
}

/** Valid by `schemas/adapters/amqp.schema.json`, defaults applied. */
export interface AmqpSettings {
  readonly servers: readonly string[];
  readonly vhost?: string;
  readonly username?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  readonly mechanism: "PLAIN" | "EXTERNAL";
  readonly tls: TlsSettings;
  readonly heartbeat: number;
  readonly prefetch: number;
  readonly maxMessageBytes: number;
}

/** One broker of the list. What its URL says wins over the settings beside it. */
export interface Server {
  readonly protocol: "amqp" | "amqps";
  readonly hostname: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string;
  /** Undefined: to be read from `passwordFile`. */
  readonly password: string | undefined;
}

const PORTS = { amqp: 5672, amqps: 5671 } as const;

/** Throws `invalid`, without the URL, which may hold a password. */
export function parseServers(settings: AmqpSettings): readonly Server[] {
  return settings.servers.map((text, index) => {
    const url = URL.parse(text);
    const protocol = url?.protocol.slice(0, -1);
    if (url === null || (protocol !== "amqp" && protocol !== "amqps") || url.hostname === "") {
      throw new TransportError("invalid", `servers/${index} is no URL such as amqp://rabbitmq.internal:5672`);
    }
    return {
      protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? PORTS[protocol] : Number(url.port),
      vhost: url.pathname.length > 1 ? decodeURIComponent(url.pathname.slice(1)) : (settings.vhost ?? "/"),
      ...loginOf(url, settings),
    };
  });
}

function loginOf(url: URL, settings: AmqpSettings): Pick<Server, "username" | "password"> {
  if (url.username !== "") {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  }
  const { username = "guest", password, passwordFile } = settings;
  return { username, password: passwordFile === undefined ? (password ?? "guest") : undefined };
}

/**
 * What the client is called with. Files are read for each connection, so that a rotated password or certificate needs
 * no restart. The signal destroys the socket, also one whose other end does not answer.
 */
export async function dialOptions(name: string, server: Server, settings: AmqpSettings, signal: AbortSignal) {
  const { protocol, hostname, port, vhost, username } = server;
  const { mechanism, heartbeat } = settings;
  const password = server.password ?? (await readSecret(settings.passwordFile));
  return {
    // The client decodes the vhost as if it were a part of a URL.
    url: { protocol, hostname, port, vhost: encodeURIComponent(vhost), heartbeat },
    socket: {
      noDelay: true,
      keepAlive: true,
      timeout: LIMITS.connectMs,
      signal,
      clientProperties: { connection_name: name },
      credentials: mechanism === "EXTERNAL" ? credentials.external() : credentials.plain(username, password),
      ...(protocol === "amqps" && (await tlsOptions(settings.tls))),
    },
  };
}

async function tlsOptions({ caFile, certFile, keyFile, passphrase, serverName }: TlsSettings) {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(read));
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

async function readSecret(file: string | undefined): Promise<string> {
  const content = await read(file);
  return content === undefined ? "" : content.toString("utf8").trimEnd();
}

async function read(file: string | undefined): Promise<Buffer | undefined> {
  return file === undefined ? undefined : readFile(file);
}
