import { refused } from './mlflow-errors.ts';
import type { Pair } from './parameters.ts';

/** The number of code points, as Python counts: an emoji is one. */
export function lengthOf(text: string): number {
  return text.length - (text.match(pairs)?.length ?? 0);
}

const pairs = /[\ud800-\udbff][\udc00-\udfff]/g;

/** The first `most` code points. */
export function cut(text: string, most: number): string {
  if (text.length <= most || lengthOf(text) <= most) return text;
  return Array.from(text.slice(0, 2 * most))
    .slice(0, most)
    .join('');
}

export const limits = {
  keyLength: 250,
  paramLength: 6000,
  runTagLength: 8000,
  experimentTagLength: 5000,
  experimentNameLength: 500,
  artifactLocationLength: 2048,
  modelIdLength: 255,
  modelNameLength: 500,
  datasetNameLength: 500,
  datasetDigestLength: 36,
} as const;

const keyPattern = /^[\p{L}\p{N}\p{M}_\-. :/]+$/u;

/** Keys are paths to some clients, so that one which normalising would change is refused. */
export function checkKey(key: string, field: string): string {
  if (lengthOf(key) > limits.keyLength)
    throw refused(
      `Invalid value for parameter '${field}' supplied: must have at most ${limits.keyLength} characters`,
      field,
    );
  if (!keyPattern.test(key))
    throw refused(
      `Invalid value ${JSON.stringify(key)} for parameter '${field}' supplied: may only hold letters, digits, underscores, dashes, periods, spaces, colons and slashes`,
      field,
    );
  if (
    key.startsWith('/') ||
    key.split('/').some((part) => part === '' || part === '.' || part === '..')
  )
    throw refused(
      `Invalid value ${JSON.stringify(key)} for parameter '${field}' supplied: must be a path in its simplest form`,
      field,
    );
  return key;
}

/** Over-long values are cut, as MLflow does by default. */
export function runTag({ key, value }: Pair, path = ''): Pair {
  return { key: checkKey(key, `${path}key`), value: cut(value, limits.runTagLength) };
}

export function runParam({ key, value }: Pair, path = ''): Pair {
  return { key: checkKey(key, `${path}key`), value: cut(value, limits.paramLength) };
}

export function experimentTag({ key, value }: Pair, path = ''): Pair {
  checkKey(key, `${path}key`);
  checkLength(value, limits.experimentTagLength, `${path}value`);
  return { key, value };
}

export function checkLength(text: string, most: number, field: string): string {
  if (lengthOf(text) > most)
    throw refused(
      `Invalid value for parameter '${field}' supplied: must have at most ${most} characters`,
      field,
    );
  return text;
}
