import { describe, expect, it } from 'vitest';
import { Parameters } from './parameters.ts';

const given = (members: Record<string, unknown>) => new Parameters(members);

describe('parameters', () => {
  it.each([undefined, null, ''])('required and %j are missing', (value) => {
    expect(() => given({ a: value }).required('a')).toThrow(
      "Missing value for required parameter 'a'",
    );
  });

  it.each([1, true, {}, [], 'a\0', 'a\ud800', 5n])('text is not %s', (value) => {
    expect(() => given({ a: value }).text('a')).toThrow(
      /Invalid value .* for parameter 'a' supplied/,
    );
  });

  it.each<[unknown, number]>([
    ['1', 1],
    [12, 12],
    [' 3 ', 3],
    [9007199254740993n, 9007199254740992],
  ])('version %s is %d', (value, expected) => {
    expect(given({ version: value }).version()).toBe(expected);
  });

  it.each(['one', '1.0', 1.5, '0x1', '1e3', true, ['1'], '9'.repeat(20)])(
    'version is not %j',
    (value) => {
      expect(() => given({ version: value }).version()).toThrow(
        /Parameter 'version' must be an integer, got/,
      );
    },
  );

  it.each<[unknown, number | undefined]>([
    [undefined, undefined],
    [null, undefined],
    ['', undefined],
    ['7', 7],
    [7, 7],
    ['-7', -7],
  ])('integer %j is %j', (value, expected) => {
    expect(given({ a: value }).integer('a')).toBe(expected);
  });

  it.each(['x', '1.5', 1.5, '1e3', ' 1', '0x10', true, [1], '9'.repeat(16), Infinity])(
    'integer is not %j',
    (value) => {
      expect(() => given({ a: value }).integer('a')).toThrow(/Invalid value/);
    },
  );

  it.each<[unknown, boolean]>([
    [true, true],
    ['True', true],
    ['FALSE', false],
    [undefined, false],
  ])('flag %j is %j', (value, expected) => {
    expect(given({ a: value }).flag('a')).toBe(expected);
  });

  it('members of all objects are no parameters', () => {
    expect(given({}).text('constructor')).toBeUndefined();
  });

  it('a long value is cut in the refusal', () => {
    expect(() => given({ a: ['x'.repeat(10_000)] }).text('a')).toThrow(/^.{1,300}$/);
  });
});
