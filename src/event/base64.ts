/** Base64 of RFC 4648 section 4, strictly: its alphabet, its padding and nothing between. Node's own decoder skips what it does not know. */

const ALPHABET = alphabet();

/** The bytes, or undefined when the text is not base64. */
export function decodeBase64(text: string): Buffer | undefined {
  return isBase64(text) ? Buffer.from(text, "base64") : undefined;
}

export function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  let end = text.length;
  if (end > 0 && text.charCodeAt(end - 1) === 0x3d) end -= text.charCodeAt(end - 2) === 0x3d ? 2 : 1;
  for (let i = 0; i < end; i++) if (ALPHABET[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function alphabet(): Uint8Array {
  const table = new Uint8Array(128);
  const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}
