import { invalid } from '@flywheel/core';

const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** JSON may hold what SQL and Parquet do not: a zero character, half a character. */
export function refuseUnstorable(value: unknown, path = ''): void {
  if (typeof value === 'string' && UNSTORABLE.test(value))
    throw invalid(path, 'must be whole characters, none of them zero');
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    refuseUnstorable(name, path);
    const step = Array.isArray(value) ? `[${name}]` : path === '' ? name : `.${name}`;
    refuseUnstorable(member, path + step);
  }
}
