/** A number as text, for JavaScript and SQL alike. */
export const NUMBER_FORM =
  '[ \\t\\r\\n]*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?[ \\t\\r\\n]*';

const form = new RegExp(`^${NUMBER_FORM}$`);

/** What a column holds, as a number; NaN where it is none, or none that is finite. */
export function numberOf(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : Number.NaN;
    case 'boolean':
    case 'bigint':
      return Number(value);
    case 'string':
      return form.test(value) ? numberOf(Number(value)) : Number.NaN;
    default:
      return Number.NaN;
  }
}
