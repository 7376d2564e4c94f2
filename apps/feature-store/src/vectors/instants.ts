/**
 * An instant as text, for JavaScript and SQL alike: a date, or date and time of day; UTC unless an offset stands behind
 * the seconds.
 */
export const INSTANT_FORM =
  '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?)?';
/** Farthest from 1970 that a date can be. */
export const MAXIMUM_MS = 8.64e15;

const form = new RegExp(`^${INSTANT_FORM}$`);

/** RFC 3339 or ISO 8601 text, or milliseconds since the epoch, as whole milliseconds (earlier ones where it lies between two); NaN for anything else. */
export function instantMs(value: unknown): number {
  if (typeof value === 'number')
    return Math.abs(value) <= MAXIMUM_MS ? Math.floor(value) + 0 : Number.NaN; // -0 is 0;
  if (typeof value !== 'string' || !form.test(value) || !isDate(value)) return Number.NaN;
  const text = value.length > DATE && value[DATE] === ' ' ? value.replace(' ', 'T') : value;
  return Date.parse(isNaive(text) ? `${text}Z` : text);
}

function isNaive(text: string): boolean {
  return text.length > DATE && !text.endsWith('Z') && !/[+-]\d{2}:?\d{2}$/.test(text.slice(DATE));
}

const DATE = 'yyyy-mm-dd'.length;

/** `Date.parse` takes 30 February for 1 March. */
function isDate(text: string): boolean {
  const day = Number(text.slice(8, DATE));
  return day <= 28 || new Date(Date.parse(text.slice(0, DATE))).getUTCDate() === day;
}
