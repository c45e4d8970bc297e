import { describe, expect, it } from "vitest";
import { AddressGuard } from "../../../src/egress/guard.ts";

/** First and last address of each range, and the addresses next to it that are public. */
const FORBIDDEN_RANGES = [
  { range: "0.0.0.0/8", first: "0.0.0.0", last: "0.255.255.255", public: ["1.0.0.0"] },
  { range: "10.0.0.0/8", first: "10.0.0.0", last: "10.255.255.255", public: ["9.255.255.255", "11.0.0.0"] },
  { range: "100.64.0.0/10", first: "100.64.0.0", last: "100.127.255.255", public: ["100.63.255.255", "100.128.0.0"] },
  { range: "127.0.0.0/8", first: "127.0.0.0", last: "127.255.255.255", public: ["126.255.255.255", "128.0.0.0"] },
  {
    range: "169.254.0.0/16",
    first: "169.254.0.0",
    last: "169.254.255.255",
    public: ["169.253.255.255", "169.255.0.0"],
  },
  { range: "172.16.0.0/12", first: "172.16.0.0", last: "172.31.255.255", public: ["172.15.255.255", "172.32.0.0"] },
  { range: "192.0.0.0/24", first: "192.0.0.0", last: "192.0.0.255", public: ["191.255.255.255", "192.0.1.0"] },
  { range: "192.0.2.0/24", first: "192.0.2.0", last: "192.0.2.255", public: ["192.0.1.255", "192.0.3.0"] },
  { range: "192.88.99.0/24", first: "192.88.99.0", last: "192.88.99.255", public: ["192.88.98.255", "192.88.100.0"] },
  {
    range: "192.168.0.0/16",
    first: "192.168.0.0",
    last: "192.168.255.255",
    public: ["192.167.255.255", "192.169.0.0"],
  },
  { range: "198.18.0.0/15", first: "198.18.0.0", last: "198.19.255.255", public: ["198.17.255.255", "198.20.0.0"] },
  {
    range: "198.51.100.0/24",
    first: "198.51.100.0",
    last: "198.51.100.255",
    public: ["198.51.99.255", "198.51.101.0"],
  },
  { range: "203.0.113.0/24", first: "203.0.113.0", last: "203.0.113.255", public: ["203.0.112.255", "203.0.114.0"] },
  { range: "224.0.0.0/4", first: "224.0.0.0", last: "239.255.255.255", public: ["223.255.255.255"] },
  { range: "240.0.0.0/4", first: "240.0.0.0", last: "255.255.255.255", public: [] },
  { range: "::/96", first: "::", last: "::ffff:ffff", public: ["::1:0:0"] },
  { range: "64:ff9b::/96", first: "64:ff9b::", last: "64:ff9b::ffff:ffff", public: ["64:ff9b:0:0:0:1::"] },
  {
    range: "64:ff9b:1::/48",
    first: "64:ff9b:1::",
    last: "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    public: ["64:ff9b:2::"],
  },
  { range: "100::/64", first: "100::", last: "100::ffff:ffff:ffff:ffff", public: ["100:0:0:1::"] },
  { range: "2001::/32", first: "2001::", last: "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", public: ["2001:1::"] },
  {
    range: "2001:db8::/32",
    first: "2001:db8::",
    last: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    public: ["2001:db7:ffff::", "2001:db9::"],
  },
  { range: "2002::/16", first: "2002::", last: "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: ["2003::"] },
  { range: "3fff::/20", first: "3fff::", last: "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", public: ["3fff:1000::"] },
  { range: "5f00::/16", first: "5f00::", last: "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: ["5f01::"] },
  { range: "fc00::/7", first: "fc00::", last: "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: ["fe00::"] },
  { range: "fe80::/10", first: "fe80::", last: "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: ["fe7f::"] },
  { range: "fec0::/10", first: "fec0::", last: "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: [] },
  { range: "ff00::/8", first: "ff00::", last: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", public: [] },
];

describe("without exceptions", () => {
  const guard = new AddressGuard([]);

  it.each(FORBIDDEN_RANGES)("forbids $range from its first to its last address, and no more", (row) => {
    expect(guard.permits(row.first)).toBe(false);
    expect(guard.permits(row.last)).toBe(false);
    for (const neighbour of row.public) expect(guard.permits(neighbour), neighbour).toBe(true);
  });

  it.each(["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"])("permits %s", (address) => {
    expect(guard.permits(address)).toBe(true);
  });

  it.each([
    ["::ffff:127.0.0.1", false],
    ["::ffff:7f00:1", false],
    ["::ffff:169.254.169.254", false],
    ["::ffff:10.0.0.1", false],
    ["0:0:0:0:0:ffff:c0a8:0001", false],
    ["::ffff:8.8.8.8", true],
  ])("judges the IPv4 address inside %s: %s", (address, permitted) => {
    expect(guard.permits(address)).toBe(permitted);
  });

  it("forbids a link-local address whatever its zone", () => {
    expect(guard.permits("fe80::1%eth0")).toBe(false);
  });

  it.each(["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "1.2.3.4 "])(
    "forbids %j, which is no address",
    (text) => {
      expect(guard.permits(text)).toBe(false);
    },
  );
});

describe("with exceptions", () => {
  it.each([
    { allow: "127.0.0.0/8", permitted: ["127.0.0.1", "127.255.255.255", "::ffff:127.0.0.1"], forbidden: ["10.0.0.1"] },
    { allow: "10.1.0.0/16", permitted: ["10.1.0.0", "10.1.255.255"], forbidden: ["10.0.255.255", "10.2.0.0"] },
    { allow: "192.168.7.9", permitted: ["192.168.7.9"], forbidden: ["192.168.7.8", "192.168.7.10"] },
    { allow: "::1", permitted: ["::1"], forbidden: ["::2", "127.0.0.1"] },
    { allow: "fd00:1::/32", permitted: ["fd00:1::5"], forbidden: ["fd00:2::5"] },
    { allow: "0.0.0.0/0", permitted: ["127.0.0.1", "10.0.0.1", "169.254.169.254"], forbidden: ["::1"] },
  ])("permits what is in $allow, and public addresses", ({ allow, permitted, forbidden }) => {
    const guard = new AddressGuard([allow]);
    for (const address of [...permitted, "8.8.8.8"]) expect(guard.permits(address), address).toBe(true);
    for (const address of forbidden) expect(guard.permits(address), address).toBe(false);
  });

  it.each(["", "localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/-1", "*"])(
    "refuses the range %j, and says where it stands",
    (range) => {
      expect(() => new AddressGuard(["10.0.0.0/8", range])).toThrow(
        expect.objectContaining({ code: "invalid-configuration", at: "/egress/allow/1" }),
      );
    },
  );
});
