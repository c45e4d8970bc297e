import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dottedPath, faultAt, joinPointer, parsePointer } from "../../src/pointer.ts";

describe("JSON pointers", () => {
  it("parse to the segments that they were joined from, whatever is in those", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (segments) => {
        expect(parsePointer(joinPointer("", ...segments))).toEqual(segments);
      }),
    );
  });

  it.each([
    ["/filters/0/any/1/prefix/Type", "filters[0].any[1].prefix.Type"],
    ["/subscriptions/my-sub/topic", "subscriptions.my-sub.topic"],
    ["/topics/a.b/strict", 'topics."a.b".strict'],
    ["/delivery/headers/x~1y", 'delivery.headers."x/y"'],
    ["", ""],
  ])("read %s for people as %s", (pointer, dotted) => {
    expect(dottedPath(pointer)).toBe(dotted);
  });

  it("begin the message of a fault, unless the whole document is at fault", () => {
    expect(faultAt("invalid-request", "/sink", "is missing").message).toBe("sink: is missing");
    expect(faultAt("invalid-request", "", "is missing").message).toBe("is missing");
  });
});
