/** RFC 3339 or ISO 8601 text, or milliseconds since the epoch, as milliseconds; text without an offset is UTC. NaN for anything else. */
export function instantMs(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim().replace(' ', 'T');
  if (!/^\d{4}-\d{2}-\d{2}(T|$)/.test(text)) return Number.NaN;
  const hasOffset = /(Z|[+-]\d{2}:?\d{2})$/i.test(text);
  return Date.parse(hasOffset || !text.includes('T') ? text : `${text}Z`);
}
