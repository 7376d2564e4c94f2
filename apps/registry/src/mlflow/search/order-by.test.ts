import { expect, it } from 'vitest';
import { orderBySql } from './order-by.ts';

const columns = { name: 'm.name', timestamp: 'm.updated', last_updated_timestamp: 'm.updated' };
const ties = [['m.name', 'asc']] as const;

it.each<[string[], string]>([
  [[], 'm.name asc'],
  [['timestamp desc'], 'm.updated desc, m.name asc'],
  [['name DESC'], 'm.name desc'],
  [[' `timestamp`  ASC ', 'attribute.name'], 'm.updated asc, m.name asc'],
])('%j orders by %s', (items, expected) => {
  expect(orderBySql(items, columns, ties)).toBe(expected);
});

it.each([['name; drop table models'], ['name sideways'], ['constructor'], ['tags.a'], ['']])(
  '%j is refused',
  (item) => {
    expect(() => orderBySql([item], columns, ties)).toThrow(/Invalid order_by clause/);
  },
);

it('the same twice is refused, under whatever name', () => {
  expect(() => orderBySql(['timestamp', 'last_updated_timestamp DESC'], columns, ties)).toThrow(
    /is there twice/,
  );
});
