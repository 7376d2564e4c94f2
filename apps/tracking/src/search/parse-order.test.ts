import { describe, expect, it } from 'vitest';
import { parseOrder } from './parse-order.ts';

describe('an order', () => {
  it.each([
    ['start_time', undefined, 'start_time', false],
    ['metrics.loss DESC', 'metrics', 'loss', true],
    ['metrics.loss asc', 'metrics', 'loss', false],
    ['params.`my param` desc', 'params', 'my param', true],
    ['tags."a b"', 'tags', 'a b', false],
    ['attributes.`run name` ASC', 'attributes', 'run name', false],
  ])('%s', (term, entity, key, isDescending) => {
    expect(parseOrder([term])).toEqual([{ subject: { entity, key, position: 0 }, isDescending }]);
  });

  it.each(['', 'metrics.', 'a b', 'a DESC DESC', 'a; drop', 'a, b', "'a'"])(
    '%j is refused',
    (term) => {
      expect(() => parseOrder(['a', term])).toThrow('Invalid order_by[1] at position');
    },
  );
});
