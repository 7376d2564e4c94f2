import { expect, test } from 'vitest';
import { medians } from './medians.ts';

test('rows of one name become one with the median of each figure', () => {
  const rows = [
    { what: 'a', perSecond: 3, p99Ms: 1 },
    { what: 'b', perSecond: 7, p99Ms: 7 },
    { what: 'a', perSecond: 1, p99Ms: 2 },
    { what: 'a', perSecond: 2, p99Ms: 9 },
  ];

  expect(medians(rows, ({ what }) => what)).toEqual([
    { what: 'a', perSecond: 2, p99Ms: 2 },
    { what: 'b', perSecond: 7, p99Ms: 7 },
  ]);
});
