/**
 * The one client for everything that Pulsebus sends over HTTP, so that no request can pass by the guard: no other file
 * of `src` may make one. It keeps connections alive per origin, follows no redirects, reads no proxy from the
 * environment, asks for uncompressed responses, reads a bounded part of them, and never repeats a request.
 */
import { lookup } from "node:dns";
import { PulsebusError } from "../errors.ts";
import { guardedConnector, type Resolve, refusalOf } from "./connector.ts";
import { type Destination, UrlDestination } from "./destination.ts";
import { AddressGuard } from "./guard.ts";
import { Origins } from "./origins.ts";
import { failureOf } from "./result.ts";

export interface EgressOptions {
  /** CIDR ranges (`10.1.0.0/16`, `fd00::/8`) or single addresses to permit, besides the public addresses. */
  readonly allow: readonly string[];
  /** How names are resolved; the operating system's way by default. */
  readonly resolve?: Resolve;
}

export interface Egress {
  /**
   * Prepares requests to one URL; connects to nothing yet. Throws `invalid-request` for what is no absolute `http:` or
   * `https:` URL, or has credentials in it. An address that the guard forbids is told by `request`, as `egress-refused`:
   * the setting may change, and a name may resolve to something else tomorrow.
   */
  destination(url: string): Destination;
  /** Aborts every request and closes every connection. Destinations answer `aborted` from then on. */
  close(): Promise<void>;
}

/** Throws `invalid-configuration` when an entry of `allow` is no address range. */
export function openEgress(options: EgressOptions): Egress {
  return new HttpEgress(new AddressGuard(options.allow), options.resolve ?? lookup);
}

class HttpEgress implements Egress {
  readonly #guard: AddressGuard;
  readonly #origins: Origins;
  readonly #destinations = new Set<Destination>();

  constructor(guard: AddressGuard, resolve: Resolve) {
    this.#guard = guard;
    this.#origins = new Origins(guardedConnector(guard, resolve));
  }

  destination(text: string): Destination {
    const url = parseUrl(text);
    const refused = refusalOf(this.#guard, url);
    const destination = new UrlDestination({
      url,
      refusal: refused === undefined ? undefined : failureOf(refused),
      origins: this.#origins,
      onClose: (closed) => this.#destinations.delete(closed),
    });
    this.#destinations.add(destination);
    return destination;
  }

  async close(): Promise<void> {
    for (const destination of this.#destinations) destination.close();
    await this.#origins.close();
  }
}

/** The text is not repeated in messages: what is wrong with it may be that a password is in it. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new PulsebusError("invalid-request", "the URL of a sink must be absolute and start with http: or https:");
  }
  if (url.username !== "" || url.password !== "") {
    throw new PulsebusError("invalid-request", "the URL of a sink must not have credentials in it: use a header");
  }
  return url;
}
