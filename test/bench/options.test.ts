import { expect, test } from 'vitest';
import { parseOptions } from './options.ts';

test('everything is measured on a small lap unless told otherwise', () => {
  expect(parseOptions([])).toEqual({
    rows: 20_000,
    only: undefined,
    json: false,
    rounds: 3,
    seconds: 4,
    restSeconds: 60,
    records: 50_000,
  });
});

test('one part on all flights', () => {
  expect(parseOptions(['--rows', 'all', '--only', 'rest', '--json'])).toMatchObject({
    rows: 'all',
    only: 'rest',
    json: true,
  });
});

test.each([
  ['--only', 'speed'],
  ['--rows', '100'],
  ['--rounds', '0'],
  ['--seconds', '1.5'],
])('%s %s is refused by name', (name, value) => {
  expect(() => parseOptions([name, value])).toThrow(
    expect.objectContaining({
      code: 'invalid_argument',
      details: expect.objectContaining({ field: name }) as object,
    }),
  );
});
