/** RFC 3339 section 5.6, as the Timestamp of CloudEvents (spec.md "Type System"). */

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const MINUTES_OF_DAY = 24 * 60;

/** What is wrong with a timestamp, or undefined. Lower-case `t` and `z`, any fraction and leap seconds are legal. */
export function timestampProblem(value: string): string | undefined {
  if (!hasDateTimeShape(value)) return "is not an RFC 3339 timestamp such as 2026-01-31T12:00:00Z";
  const zone = zoneStart(value);
  const offset = zoneOffsetMinutes(value, zone);
  if (offset === undefined) return "has no valid time zone: end it with Z or an offset such as +01:00";
  const month = digits(value, 5, 2);
  if (month < 1 || month > 12) return "has a month outside 01 to 12";
  const day = digits(value, 8, 2);
  if (day < 1 || day > daysOf(digits(value, 0, 4), month)) return "has a day that its month does not have";
  return timeOfDayProblem(digits(value, 11, 2), digits(value, 14, 2), digits(value, 17, 2), offset);
}

/** A timestamp as milliseconds since the epoch, further digits cut off; undefined when it is none. */
export function timestampMs(value: string): number | undefined {
  if (timestampProblem(value) !== undefined) return undefined;
  // `Date` knows no leap seconds, and neither does any clock that this is compared with.
  return Date.parse(value.toUpperCase().replace(":60", ":59"));
}

function timeOfDayProblem(hour: number, minute: number, second: number, offset: number): string | undefined {
  if (hour > 23) return "has an hour outside 00 to 23";
  if (minute > 59) return "has a minute outside 00 to 59";
  if (second > 60) return "has a second outside 00 to 60";
  // A leap second is the last one of a day in UTC, whatever the zone that it is written in.
  const utcMinute = (hour * 60 + minute - offset + 2 * MINUTES_OF_DAY) % MINUTES_OF_DAY;
  if (second === 60 && utcMinute !== MINUTES_OF_DAY - 1) return "has a leap second that is not 23:59:60 UTC";
  return undefined;
}

/** `dddd-dd-ddTdd:dd:dd` at the start, and at least a zone after it. */
function hasDateTimeShape(value: string): boolean {
  if (value.length < 20) return false;
  for (let i = 0; i < 19; i++) {
    const code = value.charCodeAt(i);
    if (i === 4 || i === 7) {
      if (code !== 0x2d) return false;
    } else if (i === 10) {
      if ((code | 0x20) !== 0x74) return false;
    } else if (i === 13 || i === 16) {
      if (code !== 0x3a) return false;
    } else if (!isDigit(code)) return false;
  }
  return true;
}

/** The index after the fraction of the second; the length of the value when a point has no digits. */
function zoneStart(value: string): number {
  if (value.charCodeAt(19) !== 0x2e) return 19;
  let i = 20;
  while (isDigit(value.charCodeAt(i))) i++;
  return i === 20 ? value.length : i;
}

function zoneOffsetMinutes(value: string, start: number): number | undefined {
  const sign = value.charCodeAt(start);
  if ((sign | 0x20) === 0x7a) return value.length === start + 1 ? 0 : undefined;
  if ((sign !== 0x2b && sign !== 0x2d) || value.length !== start + 6 || value.charCodeAt(start + 3) !== 0x3a) {
    return undefined;
  }
  for (const i of [1, 2, 4, 5]) if (!isDigit(value.charCodeAt(start + i))) return undefined;
  const hours = digits(value, start + 1, 2);
  const minutes = digits(value, start + 4, 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (sign === 0x2b ? 1 : -1) * (hours * 60 + minutes);
}

function daysOf(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (DAYS[month - 1] ?? 0) + (leap ? 1 : 0);
}

function digits(value: string, start: number, count: number): number {
  let number = 0;
  for (let i = start; i < start + count; i++) number = number * 10 + value.charCodeAt(i) - 0x30;
  return number;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
