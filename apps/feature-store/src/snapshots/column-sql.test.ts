import fc from 'fast-check';
import { temporaryFolder } from '@flywheel/core/testing';
import { openAnalytics } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instantMs } from '../vectors/instants.ts';
import { numberOf } from '../vectors/numbers.ts';
import { instantSql, keyPartSql, numberSql } from './column-sql.ts';

const folder = temporaryFolder();
let analytics: Analytics;

beforeAll(async () => {
  analytics = await openAnalytics({ temporaryFolder: folder.path, allowedFolders: [folder.path] });
});
afterAll(async () => {
  await analytics[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** What SQL makes of each value of a column. */
async function inSql(expression: string, type: string, values: readonly unknown[]) {
  const listed = values.map((_, index) => `($${index + 1}::varchar::${type})`).join(', ');
  const rows = await analytics.rows(
    `select ${expression} as found from (values ${listed}) as given(c)`,
    values.map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  );
  return rows.map(({ found }) => found ?? Number.NaN);
}
const text = { name: 'c', type: 'string' } as const;
const double = { name: 'c', type: 'double' } as const;
const int64 = { name: 'c', type: 'int64' } as const;

const instants = [
  '2001-05-01', '2001-05-01T06', '2001-05-01T06:30', '2001-05-01 06:30:15', '2001-05-01T06:30Z',
  '2024-03-10T12:00:00+05:30', '2024-03-10T12:00:00+0530', '2024-03-10T12:00:00-00:00', '2024-03-10 12:00:00+02',
  '2024-03-10T12:00:00+25:00', '2024-03-10T12:00:00+05:60', '2024-03-10T12:00:00 UTC', '2024-03-10T12:00:00 Europe/Berlin',
  '2024-02-29', '2023-02-29', '2024-02-30', '2024-04-31T00:00:00Z', '2024-13-01', '2024-00-01', '2024-01-00', '2024-01-32',
  '1900-02-29', '2000-02-29', '2024-01-01T24:00:00Z', '2024-01-01T23:59:60Z', '2024-01-01T23:59:59.999999Z',
  '1969-12-31T23:59:59.9995Z', '1969-12-31T23:59:59.123456Z', '1900-01-01T00:00:00.0001Z', '0000-01-01', '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59-12:00', '10000-01-01T00:00:00Z', '+010000-01-01T00:00:00Z', '-000001-01-01',
  'epoch', 'infinity', '-infinity', 'now', 'today', '', ' 2001-05-01', '2001-05-01 ', '2001-05-01T06:30:15z', '2001-05-01t06:30:15Z',
  '2001-5-1', '20010501', '2001-05-01 (BC)', '2001-05-01T06:30:15.Z', '2001-05-01  06:30:15', '2001-05-01T06:30:15,5Z',
  '2001-05-01T06:30:15.1234567891Z', '988700000000', 'yesterday', '2001-05-01\n', '2001-05-01\u0000', '\u0662001-05-01',
]; // prettier-ignore
const numbers = [
  '1', '-1', '+1', '0', '-0', '1.5', '.5', '5.', '.', '1e5', '1E+5', '1e-5', '1e400', '-1e400', '1e-400', '12abc', '1,5', '1 2',
  '0x10', '0b1', '0o7', '1_000', 'inf', 'Infinity', '-inf', 'nan', 'NaN', 'true', 'false', 'null', '', ' ', ' 12 ', '\t12\n',
  '\u00a012', '\u0661\u0662', '1d', '5f', '9007199254740993', '0.1', '123456789012345678901234567890', '00012', '--1', '1e', 'e1',
  '1.7976931348623157e308', '5e-324', '\u0000', '1\u0000',
]; // prettier-ignore
const doubles = [0, -0, 1, -1.5, 988700000000, 988700000000.75, -0.5, 8.64e15, 8.64e15 + 2, 1e300, -1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]; // prettier-ignore
const integers = [0n, -1n, 988700000000n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n];

describe('a column is to SQL what it is to JavaScript', () => {
  it('as an instant', async () => {
    expect(await inSql(instantSql(text), 'varchar', instants)).toEqual(instants.map(instantMs));
    expect(await inSql(instantSql(double), 'double', doubles)).toEqual(doubles.map(instantMs));
    expect(await inSql(instantSql(int64), 'bigint', integers)).toEqual(
      integers.map((value) => instantMs(Number(value))),
    );
  });

  it('as a number', async () => {
    expect(await inSql(numberSql(text), 'varchar', numbers)).toEqual(numbers.map(numberOf));
    expect(await inSql(numberSql(double), 'double', doubles)).toEqual(doubles.map(numberOf));
    expect(await inSql(numberSql(int64), 'bigint', integers)).toEqual(integers.map(numberOf));
    expect(
      await inSql(numberSql({ name: 'c', type: 'boolean' }), 'boolean', [true, false]),
    ).toEqual([true, false].map(numberOf));
  });

  it('as part of a key', async () => {
    const keys = [0, -0, 1, -7, 1.5, 2 ** 40, -2.25];
    expect(await inSql(keyPartSql(double), 'double', keys)).toEqual(keys.map(String));
    expect(await inSql(keyPartSql(int64), 'bigint', integers)).toEqual(integers.map(String));
  });

  it('whatever text it is', async () => {
    const pieces = ['2001', '-05', '-01', 'T', ' ', '06', ':30', ':59.5', 'Z', '+02:00', '1', '.', 'e', '-', '_', 'x', '29', '-02']; // prettier-ignore
    const texts = fc
      .sample(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 9 }), {
        ...{ seed: 7, numRuns: 4000 },
      })
      .map((parts) => parts.join(''));
    for (const [read, sql] of [
      [instantMs, instantSql(text)],
      [numberOf, numberSql(text)],
    ] as const)
      expect(await inSql(sql, 'varchar', texts)).toEqual(texts.map(read));
  });
});
