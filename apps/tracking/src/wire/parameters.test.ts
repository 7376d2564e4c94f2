import { describe, expect, it } from 'vitest';
import { Parameters } from './parameters.ts';

const of = (members: Record<string, unknown>) => new Parameters(members);

describe('64-bit integers', () => {
  it.each([
    [0, 0],
    [-0, 0],
    ['1700000000000', 1700000000000],
    ['-5', -5],
    [1650500000000.0, 1650500000000],
    [9007199254740993n, 9007199254740993n],
    ['9007199254740993', 9007199254740993n],
    [-9223372036854775808n, -9223372036854775808n],
    ['5000000000000000', 5000000000000000],
  ])('%s is taken to the digit', (given, expected) => {
    expect(of({ n: given }).int64('n')).toBe(expected);
  });

  it.each([2.5, 1e30, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 63n, '1.0', 'x', true, [], {}])(
    '%s is refused',
    (given) => {
      expect(() => of({ n: given }).int64('n')).toThrow("for parameter 'n' supplied");
    },
  );

  it.each([undefined, null, ''])('%s counts as absent', (given) => {
    expect(of({ n: given }).int64('n')).toBeUndefined();
  });
});

describe('values of metrics', () => {
  it.each([
    [0.5, 0.5],
    ['1.5', 1.5],
    ['-1e-3', -0.001],
    ['NaN', Number.NaN],
    [Number.NaN, Number.NaN],
    ['Infinity', Number.MAX_VALUE],
    ['-Infinity', -Number.MAX_VALUE],
    [Number.POSITIVE_INFINITY, Number.MAX_VALUE],
    ['1e400', Number.MAX_VALUE],
    [10n ** 20n, 1e20],
  ])('%s is %s', (given, expected) => {
    expect(of({ value: given }).metricValue('value')).toBe(expected);
  });

  it.each(['Inf', 'nan', 'infinity', '0x10', '1_000', ' 1', 'x', true, {}, []])(
    '%s is refused',
    (given) => {
      expect(() => of({ value: given }).metricValue('value')).toThrow(
        "for parameter 'value' supplied",
      );
    },
  );

  it.each([undefined, null, ''])('%s is missing', (given) => {
    expect(() => of({ value: given }).metricValue('value')).toThrow(
      "Missing value for required parameter 'value'",
    );
  });
});

describe('fields', () => {
  it('are named by their path', () => {
    const metrics = of({ metrics: [{ key: 'a' }, { key: 5 }] }).items('metrics');

    expect(() => metrics[0]?.metricValue('value')).toThrow("'metrics[0].value'");
    expect(() => metrics[1]?.required('key')).toThrow(
      "Invalid value 5 for parameter 'metrics[1].key' supplied",
    );
  });

  it('of enumerations are names or numbers, and absent if they are neither', () => {
    const kinds = { A: 1, B: 2 } as const;

    expect(of({ k: 'B' }).choice('k', kinds)).toBe('B');
    expect(of({ k: 1 }).choice('k', kinds)).toBe('A');
    expect(of({ k: 'FOO' }).choice('k', kinds)).toBeUndefined();
    expect(of({ k: 'constructor' }).choice('k', kinds)).toBeUndefined();
  });

  it('that everybody inherits are not there', () => {
    expect(of({}).has('constructor')).toBe(false);
    expect(of({}).text('toString')).toBeUndefined();
  });

  it('hold no NUL', () => {
    expect(() => of({ a: 'x\0y' }).text('a')).toThrow('must not contain NUL');
  });

  it.each([-1, 11, '11'])('%s is no size of a page', (size) => {
    expect(() => of({ n: size }).pageSize('n', { fallback: 5, most: 10 })).toThrow(
      'must be from 1 to 10',
    );
  });
});
