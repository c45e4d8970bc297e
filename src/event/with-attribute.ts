import type { Attribute, Event } from "./event.ts";
import { withDocument } from "./json.ts";

/**
 * The same event with one attribute set; identity attributes can't be changed. It stays in the mode that it came in:
 * binary mode would lose the types of its extensions on most protocols.
 */
export function withAttribute(event: Event, attribute: Attribute): Event {
  const others = event.attributes.filter(({ name }) => name !== attribute.name);
  const changed = { ...event, attributes: [...others, attribute], structured: undefined };
  return event.structured === undefined ? changed : withDocument(changed);
}
