/**
 * Keeps web pages away from a server that has no authentication because it listens on loopback only. Two attacks reach
 * such a server through a browser: a page that posts across origins, told by `Origin` and `Sec-Fetch-Site`; and DNS
 * rebinding, where the page's own name resolves to 127.0.0.1, told by a `Host` that is not a loopback name.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIPv4 } from "node:net";
import { PulsebusError } from "../errors.ts";
import { HOST_VERDICTS_MAX } from "../limits.ts";

/** Throws `forbidden-origin`. */
export type Guard = (headers: IncomingHttpHeaders) => void;

/** A loopback listener checks everything; any other has no way to know its own names and refuses cross-site alone. */
export function openGuard(listensOnLoopback: boolean): Guard {
  return listensOnLoopback ? loopbackGuard() : refuseCrossSite;
}

function loopbackGuard(): Guard {
  const verdicts = new Map<string, boolean>();
  const isKnownHost = (host: string): boolean => {
    const known = verdicts.get(host);
    if (known !== undefined) return known;
    if (verdicts.size >= HOST_VERDICTS_MAX) verdicts.clear();
    const verdict = isLoopbackAuthority(host);
    verdicts.set(host, verdict);
    return verdict;
  };
  return (headers) => {
    if (!isKnownHost(headers.host ?? "")) {
      throw new PulsebusError(
        "forbidden-origin",
        "the Host header must be a loopback name such as localhost or 127.0.0.1, since the server has no authentication",
        { at: "Host" },
      );
    }
    if (headers.origin !== undefined && !isLoopbackOrigin(headers.origin)) {
      throw new PulsebusError("forbidden-origin", "requests of web pages from other origins are refused", {
        at: "Origin",
      });
    }
    refuseCrossSite(headers);
  };
}

function refuseCrossSite(headers: IncomingHttpHeaders): void {
  if (headers["sec-fetch-site"] === "cross-site") {
    throw new PulsebusError("forbidden-origin", "requests of web pages from other sites are refused", {
      at: "Sec-Fetch-Site",
    });
  }
}

function isLoopbackOrigin(origin: string): boolean {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin);
  return match?.[1] !== undefined && isLoopbackAuthority(match[1]);
}

/** `host` or `host:port` as in RFC 9110 §7.2. */
function isLoopbackAuthority(authority: string): boolean {
  const match = /^(.+?)(?::\d{1,5})?$/.exec(authority);
  return match?.[1] !== undefined && isLoopbackHost(match[1]);
}

/** A name under `localhost` (RFC 6761 §6.3) or a literal of 127.0.0.0/8 or ::1, in brackets or without. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  if (/^(?:[a-z0-9-]+\.)*localhost\.?$/.test(name)) return true;
  if (name === "::1" || name === "[::1]") return true;
  return isIPv4(name) && name.startsWith("127.");
}
