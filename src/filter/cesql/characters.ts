/**
 * Strings as sequences of Unicode characters (CloudEvents SQL 1.0.0 §3.1): positions and lengths count code points,
 * where JavaScript counts UTF-16 code units.
 */

export function characterCount(text: string): number {
  let count = text.length;
  for (let i = 1; i < text.length; i++) if (isPairAt(text, i)) count--;
  return count;
}

/** Where the first `count` characters end, in code units; the end of the text when it has fewer. */
export function endOfFirst(text: string, count: number): number {
  if (count >= text.length) return text.length;
  let end = 0;
  for (let i = 0; i < count && end < text.length; i++) end += isPairAt(text, end + 1) ? 2 : 1;
  return end;
}

/** Where the last `count` characters begin, in code units; 0 when the text has fewer. */
export function startOfLast(text: string, count: number): number {
  if (count >= text.length) return 0;
  let start = text.length;
  for (let i = 0; i < count && start > 0; i++) start -= isPairAt(text, start - 1) ? 2 : 1;
  return start;
}

/** Without white space at both ends. `String.prototype.trim` also takes U+FEFF, and leaves U+0085. */
export function trimWhiteSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhiteSpace(text.charCodeAt(start))) start++;
  while (end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** The Unicode property White_Space, whose characters are one code unit each. */
function isWhiteSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
  if (unit < 0x1680) return unit === 0x85 || unit === 0xa0;
  if (unit >= 0x2000 && unit <= 0x200a) return true;
  return unit === 0x1680 || unit === 0x2028 || unit === 0x2029 || unit === 0x202f || unit === 0x205f || unit === 0x3000;
}

/** Whether the code units before and at `index` are one character. */
function isPairAt(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xdc00 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
}
