/**
 * How connections are made. Three checks keep a URL out of the networks that the guard forbids, because each alone has
 * a hole: literal addresses never reach a lookup hook (`refusalOf`), a name can resolve to anything and to something
 * else a moment later (the hook vets every answer, and only vetted answers are connected to), and what the operating
 * system really connected to is looked at again before the first byte of a request is written.
 */
import type { LookupAddress, LookupAllOptions } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { SINK_CONNECT_MS_MAX } from "../limits.ts";
import type { AddressGuard } from "./guard.ts";

/** A connection that policy forbids: not a fault of the network. */
export class EgressRefusedError extends Error {
  override readonly name = "EgressRefusedError";

  constructor(host: string, address: string) {
    const subject = host === address ? address : `${host} resolves to ${address}, which`;
    super(`${subject} is not a public address: add it to the setting egress.allow to permit it`);
  }
}

/** Why a URL's host is refused before anything is sent, when it is a literal address; names are vetted as they resolve. */
export function refusalOf(guard: AddressGuard, url: URL): EgressRefusedError | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return isIP(host) === 0 || guard.permits(host) ? undefined : new EgressRefusedError(host, host);
}

/** Resolves a name to all its addresses; `lookup` of `node:dns` has this shape. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** undici's connector with the guard around it: HTTP/1.1, certificates verified, no proxies. */
export function guardedConnector(guard: AddressGuard, resolve: Resolve): buildConnector.connector {
  const lookup = guardedLookup(guard, resolve);
  const connect = buildConnector({ allowH2: false, timeout: SINK_CONNECT_MS_MAX, lookup });
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error !== null) return callback(error, null);
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && guard.permits(remoteAddress)) return callback(null, socket);
      socket.destroy();
      callback(
        remoteAddress === undefined
          ? new Error("the connection closed at once")
          : new EgressRefusedError(options.hostname, remoteAddress),
        null,
      );
    });
}

function guardedLookup(guard: AddressGuard, resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const refused = addresses.find(({ address }) => !guard.permits(address));
      if (refused !== undefined) return callback(new EgressRefusedError(hostname, refused.address), []);
      const [first] = addresses;
      if (options.all === true || first === undefined) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}
