/**
 * The names of native things. The exchange is the address itself. A group's queue is
 * `pulsebus/<address>/<group>`, both percent-encoded, so that two groups never meet in one queue and none begins with
 * the reserved `amq.`. A name that is too long for AMQP becomes `pulsebus/#<SHA-256>`; no encoded name has a `#`.
 */
import { createHash } from "node:crypto";
import { TransportError } from "../../src/transport/port.ts";

const PREFIX = "pulsebus/";
/** AMQP 0-9-1 short strings. */
const NAME_BYTES = 255;
/** Left free for the suffix of the queue that says who consumes (`claims.ts`). */
const SUFFIX_BYTES = 16;

export function queueName(address: string, group: string): string {
  const name = `${encode(address)}/${encode(group)}`;
  if (PREFIX.length + name.length <= NAME_BYTES - SUFFIX_BYTES) return PREFIX + name;
  return `${PREFIX}#${createHash("sha256").update(name).digest("hex")}`;
}

/** Throws `invalid` for what no exchange can be called. */
export function checkExchangeName(address: string): void {
  if (address !== "" && address.isWellFormed() && Buffer.byteLength(address) <= NAME_BYTES) return;
  throw new TransportError(
    "invalid",
    `The address ${JSON.stringify(address)} is no name of an exchange: 1 to 255 bytes`,
  );
}

function encode(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw new TransportError("invalid", `${JSON.stringify(text)} is no Unicode text`);
}
