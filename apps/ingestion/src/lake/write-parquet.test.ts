import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { openAnalytics, openFileObjectStore } from '@flywheel/storage';
import type { Analytics, AnalyticsRow } from '@flywheel/storage';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LakeBuffer } from './lake-buffer.ts';
import type { LakeFile } from './commit-log.ts';
import { writeParquet } from './write-parquet.ts';

const folder = temporaryFolder();
let analytics: Analytics;

beforeAll(async () => {
  analytics = await openAnalytics({
    temporaryFolder: join(folder.path, 'duckdb'),
    allowedFolders: [folder.path],
  });
});
afterAll(async () => {
  await analytics[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Writes records to a file of the lake and reads it back, in the order of the log. */
async function throughTheLake(
  records: readonly string[],
): Promise<{ file: LakeFile; rows: AnalyticsRow[] }> {
  const objects = await openFileObjectStore({ folder: join(folder.path, 'objects') });
  using buffer = new LakeBuffer(folder.path);
  for (const [index, text] of records.entries())
    buffer.add(
      'd',
      `b/${index}`,
      { topic: 't', partition: 0, offset: BigInt(index), receivedMs: 1000 },
      text,
      JSON.parse(text) as Record<string, unknown>,
    );
  buffer.seal();
  const file = await writeParquet({ analytics, objects }, buffer.datasets.get('d')!, 1000);
  const rows = await analytics.rows(
    `select * exclude (_topic, _partition, _received_at) from read_parquet('${await objects.localFile(file.key)}') order by _offset`,
  );
  return { file, rows };
}

/** The members of the record itself. */
const valuesOf = (row: AnalyticsRow) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !['_id', '_offset'].includes(name)));

const record = async (text: string) => valuesOf((await throughTheLake([text])).rows[0]!);

describe('a record of any shape is in the lake', () => {
  it.each([
    ['no members at all', '{}', {}],
    ['names that are equal but for case', '{"A":1,"a":2,"B":3}', { A: 1, a_2: 2, B: 3 }],
    ['a name that a suffix would take', '{"a_2":0,"a":1,"A":2}', { a_2: 0, a: 1, A_3: 2 }],
    ['an empty name', '{"":1}', { unnamed: 1 }],
    ['a name with a character that no name may have', '{"a\\u0000b":1}', { 'a\ufffdb': 1 }],
    ['a name that is half a character', '{"\\ud800":1}', { '\ufffd': 1 }],
    ['text that is half a character', '{"a":"x\\ud800y"}', { a: 'x\ufffdy' }],
    ['text whose halves are swapped', '{"a":"\\udc00\\ud83d"}', { a: '\ufffd\ufffd' }],
    ['half a character further down', '{"a":{"b":["\\ud800"]}}', { a: '{"b":["\ufffd"]}' }],
    ['an escaped escape', '{"A":1,"a":"\\\\ud800"}', { A: 1, a_2: '\\ud800' }],
    ['a whole character in two halves', '{"A":1,"a":"\\ud83d\\ude00"}', { A: 1, a_2: '😀' }],
    ['a name that comes twice: the last counts', '{"a":1,"b":2,"a":"x"}', { a: 'x', b: 2 }],
    ['names of the lake itself', '{"_id":"mine","_Offset":5}', { _id_2: 'mine', _Offset_2: 5 }],
    ['names that begin as those of the lake do', '{"_rev":"1","_":2}', { _rev: '1', _: 2 }],
    ['a name of the language', '{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
    ['a name with quotes and brackets', '{"a\\") , x (\'":1}', { 'a") , x (\'': 1 }],
    [
      'digits that a double does not hold',
      '{"a":123456789012345678901}',
      { a: '123456789012345678901' },
    ],
    [
      'the same, further down, beside twins',
      '{"A":1,"a":{"b":12345678901234567890}}',
      { A: 1, a_2: '{"b":12345678901234567890}' },
    ],
    ['a number that a double does not reach', '{"a":1e400}', { a: '1e400' }],
    ['text with a zero character', '{"a":"x\\u0000y"}', { a: 'x\u0000y' }],
    [
      'white space everywhere',
      ' { "A" : 1 , "a" : [ 1 , "}" ] , "b" : { } } ',
      { A: 1, a_2: '[1,"}"]', b: '{}' },
    ],
  ])('with %s', async (_what, text, values) => {
    expect(await record(text)).toEqual(values);
  });

  it('nested as deep as it likes', async () => {
    const deep = `${'['.repeat(90_000)}${']'.repeat(90_000)}`;

    expect(await record(`{"A":1,"a":${deep}}`)).toEqual({ A: 1, a_2: deep });
  });

  it('with more members than a table has columns: what is too much is kept together', async () => {
    const wide = Object.fromEntries(
      Array.from({ length: 1500 }, (_, index) => [`c${index}`, index]),
    );

    const values = await record(JSON.stringify(wide));

    expect(Object.keys(values)).toHaveLength(1001);
    const { _more, ...columns } = values;
    expect({ ...columns, ...(JSON.parse(_more as string) as object) }).toEqual(wide);
  });

  it('beside records of other types, in the type that holds them all', async () => {
    const { rows, file } = await throughTheLake(
      ['1', '"x"', 'true', '[1]', 'null', '1.5'].map((value) => `{"a":${value}}`),
    );

    expect(rows.map(({ a }) => a)).toEqual(['1', 'x', 'true', '[1]', null, '1.5']);
    expect(file.columns).toEqual([{ name: 'a', type: 'string', nullable: true }]);
  });

  it('whatever it is (property)', async () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'A', '', '_id', '_ID', '_more', '\u0000', '\ud800', '"', "'", 'ß', 'ẞ'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.string({ unit: 'binary', maxLength: 5 }).map((text) => `\udfff${text}\ud800`),
      fc.constantFrom(Number.MAX_SAFE_INTEGER + 1, -0, 1e308, 1e-320),
    );
    const anyRecord = fc.dictionary(name, value, { maxKeys: 6 }).map((one) => JSON.stringify(one));

    await fc.assert(
      fc.asyncProperty(fc.array(anyRecord, { minLength: 1, maxLength: 4 }), async (records) => {
        const { rows, file } = await throughTheLake(records);

        expect(rows.map(({ _id }) => _id)).toEqual(records.map((_, index) => `b/${index}`));
        expect(file.records).toBe(records.length);
        expect(Object.keys(rows[0]!).filter((one) => one !== '_id' && one !== '_offset')).toEqual(
          file.columns.map((column) => column.name),
        );
        for (const [index, text] of records.entries()) {
          const held = Object.values(JSON.parse(text) as object).filter((one) => one !== null);
          expect(Object.values(valuesOf(rows[index]!)).filter((one) => one !== null)).toHaveLength(
            held.length,
          );
        }
      }),
      { numRuns: 60 },
    );
  });
});
