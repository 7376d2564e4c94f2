import { refused } from '../mlflow-errors.ts';
import type { Parameters } from '../parameters.ts';

export type Page = { offset: number; limit: number };

/** Which part of the result is asked for. */
export function pageOf(given: Parameters, { usual, most }: { usual: number; most: number }): Page {
  const limit = given.integer('max_results') ?? usual;
  if (limit < 1 || limit > most)
    throw refused(
      `Invalid value ${limit} for parameter 'max_results' supplied: must be from 1 to ${most}`,
      'max_results',
    );
  const token = given.optional('page_token');
  return { limit, offset: token === undefined ? 0 : offsetOf(token) };
}

/** Of one row more than the page holds, the page, and how to ask for the next one. */
export function cutPage<Row>(
  rows: readonly Row[],
  { offset, limit }: Page,
): { rows: readonly Row[]; next: { next_page_token?: string } } {
  if (rows.length <= limit) return { rows, next: {} };
  const token = Buffer.from(JSON.stringify({ offset: offset + limit })).toString('base64');
  return { rows: rows.slice(0, limit), next: { next_page_token: token } };
}

function offsetOf(token: string): number {
  const found = /^\{"offset":\s*(\d{1,15})\}$/.exec(Buffer.from(token, 'base64').toString());
  if (!found) throw refused(`Invalid page token '${token.slice(0, 100)}'`, 'page_token');
  return Number(found[1]);
}
