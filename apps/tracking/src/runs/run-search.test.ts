import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runSearchSql } from './run-search.ts';

const search = (filter: string, orderBy: string[] = []) =>
  runSearchSql({ experiments: ['1'], filter, orderBy, view: undefined, offset: 0, size: 10 });

describe('the statement of a search', () => {
  it('holds nothing that a caller wrote: all of it is bound', () => {
    const hostile = `x' or 1 = 1; drop table runs; --`;
    const { text, values } = search(
      `tags.\`${hostile}\` = "${hostile}" and params.\`${hostile}\` like "${hostile}" and metrics.\`${hostile}\` > 1 and run_id in ("${hostile}")`,
      [`metrics.\`${hostile}\``, `params.\`${hostile}\` desc`, `tags.\`${hostile}\``],
    );

    expect(text).not.toContain('drop');
    expect(values.flat().filter((value) => value === hostile)).toHaveLength(9);
  });

  it('has the same text whatever the keys and values are', () => {
    const shape = (key: string, value: string) =>
      search(`tags.\`${key.replaceAll('`', '``')}\` != '${value.replaceAll("'", "''")}'`, [
        `params.\`${key.replaceAll('`', '``')}\``,
      ]).text;
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, value) => {
        expect(shape(key, value)).toBe(shape('k', 'v'));
      }),
    );
  });

  it.each([
    ["metrics.a > 'x'", 'must be compared with a number'],
    ['params.a = 1', 'must be compared with text in quotes'],
    ["params.a > '1'", 'text cannot be compared by >'],
    ["metrics.a like 'x'", 'numbers cannot be compared by LIKE'],
    ["a = 'b'", 'no such attribute'],
    ["foo.bar = 'b'", 'no such entity'],
    ["status in ('a')", 'cannot be compared by IN'],
    ["params.a in ('a')", 'cannot be compared by IN'],
    ['status is null', 'IS NULL is for tags and params only'],
    ["start_time = '1'", 'must be compared with a number'],
    ["dataset.size = '1'", 'no such field'],
    ["constructor = 'b'", 'no such attribute'],
    ["__proto__.a = 'b'", 'no such entity'],
  ])('%s is refused', (filter, rule) => {
    expect(() => search(filter)).toThrow(rule);
  });

  it.each([
    ['metrics.a', 'metrics.a DESC'],
    ['start_time', 'attributes.start_time'],
    ['Created', 'start_time'],
  ])('the order %s, %s names one field twice', (first, second) => {
    expect(() => search('', [first, second])).toThrow('stands twice');
  });

  it.each(['dataset.name', 'foo', 'foo.bar'])('the order %s is refused', (term) => {
    expect(() => search('', [term])).toThrow('cannot be ordered by');
  });
});
