/**
 * Which addresses may be connected to. A subscription's URL is chosen by a user, so without a guard anyone who may
 * subscribe could make the bus send requests into its own network (SSRF). Public addresses are permitted, everything
 * that the IANA special-purpose registries set apart is not, and `egress.allow` makes exceptions.
 */
import { BlockList, isIP } from "node:net";
import { faultAt } from "../pointer.ts";

type Family = "ipv4" | "ipv6";

/**
 * RFC 6890 and the IANA special-purpose registries. IPv4-mapped IPv6 addresses (::ffff:0:0/96) are missing on purpose:
 * `BlockList` judges the IPv4 address inside. Those that only embed one (::/96, NAT64, Teredo, 6to4) are forbidden
 * whole, because what a gateway makes of them can't be known here.
 */
const FORBIDDEN: readonly (readonly [network: string, prefix: number, family: Family])[] = [
  ["0.0.0.0", 8, "ipv4"], // this network
  ["10.0.0.0", 8, "ipv4"], // private
  ["100.64.0.0", 10, "ipv4"], // carrier-grade NAT
  ["127.0.0.0", 8, "ipv4"], // loopback
  ["169.254.0.0", 16, "ipv4"], // link-local, cloud metadata
  ["172.16.0.0", 12, "ipv4"], // private
  ["192.0.0.0", 24, "ipv4"], // protocol assignments
  ["192.0.2.0", 24, "ipv4"], // documentation
  ["192.88.99.0", 24, "ipv4"], // 6to4 relays
  ["192.168.0.0", 16, "ipv4"], // private
  ["198.18.0.0", 15, "ipv4"], // benchmarks
  ["198.51.100.0", 24, "ipv4"], // documentation
  ["203.0.113.0", 24, "ipv4"], // documentation
  ["224.0.0.0", 4, "ipv4"], // multicast
  ["240.0.0.0", 4, "ipv4"], // reserved, broadcast
  ["::", 96, "ipv6"], // unspecified, loopback, IPv4-compatible
  ["64:ff9b::", 96, "ipv6"], // NAT64
  ["64:ff9b:1::", 48, "ipv6"], // local NAT64
  ["100::", 64, "ipv6"], // discard
  ["2001::", 32, "ipv6"], // Teredo
  ["2001:db8::", 32, "ipv6"], // documentation
  ["2002::", 16, "ipv6"], // 6to4
  ["3fff::", 20, "ipv6"], // documentation
  ["5f00::", 16, "ipv6"], // segment routing
  ["fc00::", 7, "ipv6"], // unique local, cloud metadata
  ["fe80::", 10, "ipv6"], // link-local
  ["fec0::", 10, "ipv6"], // site-local
  ["ff00::", 8, "ipv6"], // multicast
];

const forbidden = new BlockList();
for (const [network, prefix, family] of FORBIDDEN) forbidden.addSubnet(network, prefix, family);

export class AddressGuard {
  readonly #allowed = new BlockList();

  /**
   * `allow`: CIDR ranges (`10.1.0.0/16`, `fd00::/8`) or single addresses that are permitted besides the public ones.
   * Throws `invalid-configuration` for anything else.
   */
  constructor(allow: readonly string[]) {
    for (const [index, range] of allow.entries()) this.#allow(range, `/egress/allow/${index}`);
  }

  /** Whether `address` may be connected to. What is no IP address may not. */
  permits(address: string): boolean {
    const [bare = ""] = address.split("%"); // the zone of a link-local address
    const family = familyOf(bare);
    if (family === undefined) return false;
    return !forbidden.check(bare, family) || this.#allowed.check(bare, family);
  }

  #allow(range: string, at: string): void {
    const [, network = "", digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
    const family = familyOf(network);
    const bits = family === "ipv4" ? 32 : 128;
    const prefix = digits === undefined ? bits : Number(digits);
    if (family === undefined || prefix > bits) {
      throw faultAt(
        "invalid-configuration",
        at,
        `${JSON.stringify(range)} is no address range: write one such as 10.1.0.0/16 or fd00::/8`,
      );
    }
    this.#allowed.addSubnet(network, prefix, family);
  }
}

function familyOf(address: string): Family | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}
