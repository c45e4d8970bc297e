/**
 * Loop protection. The extension `bridgevia` lists the places (the identities of native topics) that an event has been
 * forwarded from, in order and separated by commas. Forwarding from S to T appends S, and is refused when T is listed:
 * the event has been there already. Several topics of one bus in a row are legitimate.
 *
 * A place may hold any character, so each is percent-encoded: commas, which separate, `%`, which encodes, and all that
 * an attribute or a header could not carry as it is. That is injective, so encoded places compare like places.
 */
import { attributeOf, type Event } from "../event/event.ts";
import { withAttribute } from "../event/with-attribute.ts";

const ATTRIBUTE = "bridgevia";

export type Hop =
  | { readonly kind: "forward"; readonly event: Event }
  /** The event has been at the target. */
  | { readonly kind: "loop" }
  /** The event has passed more places than it may. */
  | { readonly kind: "too-far"; readonly hops: number };

/** What becomes of `event` on its way from the place `source` to the place `target`. `id` and `source` never change. */
export function forward(event: Event, source: string, target: string, maxHops: number): Hop {
  const passed = attributeOf(event, ATTRIBUTE);
  const places = [...(passed === undefined ? [] : passed.split(",")), encodePlace(source)];
  if (places.includes(encodePlace(target))) return { kind: "loop" };
  if (places.length > maxHops) return { kind: "too-far", hops: places.length };
  return { kind: "forward", event: withAttribute(event, { name: ATTRIBUTE, type: "string", value: places.join(",") }) };
}

/** A reply has passed what the event has passed that it answers, whether the sink copied that into it or not. */
export function withPlacesOf(request: Event, reply: Event): Event {
  const passed = attributeOf(request, ATTRIBUTE);
  if (passed === undefined) return reply;
  const places = new Set([...passed.split(","), ...(attributeOf(reply, ATTRIBUTE)?.split(",") ?? [])]);
  return withAttribute(reply, { name: ATTRIBUTE, type: "string", value: [...places].join(",") });
}

function encodePlace(place: string): string {
  return place.replace(/[^\x21-\x24\x26-\x2b\x2d-\x7e]/gu, percentEncode);
}

function percentEncode(character: string): string {
  const hex = Buffer.from(character).toString("hex").toUpperCase();
  return hex.replace(/../g, "%$&");
}
