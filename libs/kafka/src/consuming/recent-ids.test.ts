import { expect, it } from 'vitest';
import { RecentIds } from './recent-ids.ts';

it('remembers at least so many ids of each partition, and not many more', () => {
  const ids = new RecentIds(100);
  for (let n = 0; n < 1000; n++) {
    expect(ids.has(0, `id-${n}`)).toBe(false);
    ids.remember(0, `id-${n}`);
    for (let back = 0; back < Math.min(100, n + 1); back++)
      if (!ids.has(0, `id-${n - back}`)) throw new Error(`forgot id-${n - back} after ${n}`);
  }

  expect(ids.has(1, 'id-999')).toBe(false);
  expect(ids.has(0, 'id-700')).toBe(false);
});
