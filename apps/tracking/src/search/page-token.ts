import { refused } from '../wire/mlflow-errors.ts';

/** The token of the page that begins at `offset`, in MLflow's form: base64 of `{"offset": N}`. */
export function pageTokenOf(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString('base64');
}

/** Where the page begins; 0 without a token. Anything but a token of ours is refused. */
export function offsetOf(token: string | undefined): number {
  if (token === undefined || token === '') return 0;
  const { offset } = readToken(token);
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) throw badToken();
  return offset;
}

/** The members of a token. */
export function readToken(token: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64').toString('utf8'));
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    throw badToken();
  }
  throw badToken();
}

export function badToken() {
  return refused('Invalid page token', 'page_token');
}

/** The rows of one page, of which one more than `size` was asked for, and the token of the next if there is one. */
export function page<Row>(
  rows: readonly Row[],
  { offset, size }: { offset: number; size: number },
): { rows: readonly Row[]; token: { next_page_token?: string } } {
  if (rows.length <= size) return { rows, token: {} };
  return {
    rows: rows.slice(0, size),
    token: { next_page_token: pageTokenOf(offset + size) },
  };
}
