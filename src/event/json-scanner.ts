/**
 * A scanner of JSON (RFC 8259) that proves a document well-formed and says where its values lie, building nothing: the
 * data of an event stays the bytes that it was. The caller has made sure that the bytes are UTF-8.
 */
import { JSON_DEPTH_MAX } from "../limits.ts";
import { refuseDocument } from "./leniency.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPABLE = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]);

export class JsonScanner {
  readonly #bytes: Buffer;
  /** The index of the next byte to be read. */
  position: number;
  /** Whether the last string was printable ASCII without escapes: then its bytes are its characters. */
  plain = false;

  constructor(bytes: Buffer, position = 0) {
    this.#bytes = bytes;
    this.position = position;
  }

  /** The next byte that is no white space, without taking it; -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    let i = this.position;
    let byte = bytes[i];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++i];
    this.position = i;
    return byte ?? -1;
  }

  /** Takes the next byte if it is this one. */
  take(wanted: number): boolean {
    if (this.peek() !== wanted) return false;
    this.position++;
    return true;
  }

  expect(wanted: number): void {
    if (!this.take(wanted)) this.fail(`${JSON.stringify(String.fromCharCode(wanted))} expected`);
  }

  expectEnd(): void {
    if (this.peek() !== -1) this.fail("nothing more expected");
  }

  /** Reads over one value. `depth` is how many arrays and objects it stands in. */
  skipValue(depth: number): void {
    const byte = this.peek();
    if (byte === QUOTE) this.skipString();
    else if (byte === 0x7b) this.#skipObject(depth + 1);
    else if (byte === 0x5b) this.#skipArray(depth + 1);
    else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) this.#skipNumber();
    else if (byte === 0x74) this.#skipWord("true");
    else if (byte === 0x66) this.#skipWord("false");
    else if (byte === 0x6e) this.#skipWord("null");
    else this.fail("a value expected");
  }

  /** Reads over a string, from its opening to behind its closing quote. */
  skipString(): void {
    if (this.peek() !== QUOTE) this.fail("a string expected");
    const bytes = this.#bytes;
    let plain = true;
    let i = this.position + 1;
    for (let byte = bytes[i]; byte !== QUOTE; byte = bytes[++i]) {
      if (byte === undefined) this.#failAt(i, "the end of a string expected");
      if (byte === BACKSLASH) {
        plain = false;
        i = this.#escapeEnd(i + 1);
      } else if (byte < 0x20) this.#failAt(i, "a control character must be escaped");
      else if (byte > 0x7e) plain = false;
    }
    this.plain = plain;
    this.position = i + 1;
  }

  /** The characters of the string that lies between these indices, its quotes included. */
  text(start: number, end: number, plain: boolean): string {
    if (plain) return this.#bytes.toString("latin1", start + 1, end - 1);
    return JSON.parse(this.#bytes.toString("utf8", start, end)) as string;
  }

  fail(problem: string): never {
    this.#failAt(this.position, problem);
  }

  #failAt(position: number, problem: string): never {
    const where = position >= this.#bytes.length ? "at its end" : `at byte ${position}`;
    refuseDocument(`the JSON is malformed ${where}: ${problem}`);
  }

  #skipObject(depth: number): void {
    this.#enter(depth);
    if (this.take(0x7d)) return;
    do {
      this.skipString();
      this.expect(0x3a);
      this.skipValue(depth);
    } while (this.take(0x2c));
    this.expect(0x7d);
  }

  #skipArray(depth: number): void {
    this.#enter(depth);
    if (this.take(0x5d)) return;
    do this.skipValue(depth);
    while (this.take(0x2c));
    this.expect(0x5d);
  }

  #enter(depth: number): void {
    if (depth > JSON_DEPTH_MAX) this.fail(`nested deeper than ${JSON_DEPTH_MAX}`);
    this.position++;
  }

  #skipNumber(): void {
    if (this.#bytes[this.position] === 0x2d) this.position++;
    if (this.#bytes[this.position] === 0x30) this.position++;
    else this.#skipDigits();
    if (this.#bytes[this.position] === 0x2e) {
      this.position++;
      this.#skipDigits();
    }
    if (((this.#bytes[this.position] ?? 0) | 0x20) !== 0x65) return;
    this.position++;
    const sign = this.#bytes[this.position];
    if (sign === 0x2b || sign === 0x2d) this.position++;
    this.#skipDigits();
  }

  #skipDigits(): void {
    const start = this.position;
    for (let byte = this.#bytes[start] ?? 0; byte >= 0x30 && byte <= 0x39; byte = this.#bytes[this.position] ?? 0) {
      this.position++;
    }
    if (this.position === start) this.fail("a digit expected");
  }

  #skipWord(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.position + i] !== word.charCodeAt(i)) this.fail(`${word} expected`);
    }
    this.position += word.length;
  }

  /** The index of the last byte of the escape whose letter stands at an index. */
  #escapeEnd(index: number): number {
    const letter = this.#bytes[index] ?? 0;
    if (ESCAPABLE.has(letter)) return index;
    if (letter !== 0x75) this.#failAt(index, "an escape expected");
    for (let i = index + 1; i <= index + 4; i++) {
      const byte = this.#bytes[i] ?? 0;
      const lower = byte | 0x20;
      const hex = (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
      if (!hex) this.#failAt(i, "four hexadecimal digits expected");
    }
    return index + 4;
  }
}
