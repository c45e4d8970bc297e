/** `Retry-After` (RFC 9110 §10.2.3): a number of seconds, or a date in one of the three forms of §5.6.7. */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = MONTHS.join("|");
const TIME = "(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})";

const DATE_FORMS: readonly RegExp[] = [
  // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d{2}) (?<month>${MONTH}) (?<year>\\d{4}) ${TIME} GMT$`),
  // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>\\d{2})-(?<month>${MONTH})-(?<year>\\d{2}) ${TIME} GMT$`),
  // asctime: Sun Nov  6 08:49:37 1994
  new RegExp(`^[A-Z][a-z]{2} (?<month>${MONTH}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/**
 * Milliseconds to wait from `now` (milliseconds since the epoch): 0 for a date that has passed, undefined for what is
 * neither form. A wait without bounds is not cut here; the policy's age limit does that.
 */
export function parseRetryAfter(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Math.min(Number(trimmed) * 1_000, Number.MAX_SAFE_INTEGER);
  const date = parseDate(trimmed, now);
  return date === undefined ? undefined : Math.max(0, date - now);
}

function parseDate(text: string, now: number): number | undefined {
  for (const form of DATE_FORMS) {
    const fields = form.exec(text)?.groups;
    if (fields !== undefined) return epochOf(fields, now);
  }
  return undefined;
}

function epochOf(fields: Record<string, string>, now: number): number | undefined {
  const { year = "", month = "", day = "", hour = "", minute = "", second = "" } = fields;
  const time = [Number(hour), Number(minute), Number(second)] as const;
  const monthIndex = MONTHS.indexOf(month);
  const epoch = Date.UTC(fullYear(year, now), monthIndex, Number(day), ...time);
  // A leap second is legal; a 32nd of March, which Date would carry over into April, is not.
  const exists = new Date(epoch - (time[2] === 60 ? 1_000 : 0)).getUTCDate() === Number(day);
  const isTime = time[0] < 24 && time[1] < 60 && time[2] <= 60;
  return exists && isTime ? epoch : undefined;
}

/** Two digits mean the year with these last digits that is at most 50 years ahead (RFC 9110 §5.6.7). */
function fullYear(digits: string, now: number): number {
  if (digits.length === 4) return Number(digits);
  const thisYear = new Date(now).getUTCFullYear();
  const year = Math.floor(thisYear / 100) * 100 + Number(digits);
  return year > thisYear + 50 ? year - 100 : year;
}
