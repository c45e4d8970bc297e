/** Goal: rows of earlier versions are found again. Method: the definition, spelt out. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { deliveryId } from "../../../src/delivery/delivery-id.ts";

describe("the id of a delivery", () => {
  it("is the first 128 bits of the SHA-256 of subscription, NUL and position", () => {
    for (let number = 0; number < 1_000; number += 1) {
      const [subscription, position] = [`büro-${number % 7}`, `${number}-${number * 31}`];
      const digest = createHash("sha256").update(`${subscription}\0${position}`).digest();
      expect(deliveryId(subscription, position)).toBe(`dlv_${digest.subarray(0, 16).toString("base64url")}`);
    }
  });
});
