import { AppError } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../tensors/tensor.ts';
import { encodePredictions } from './encode-predictions.ts';
import { parseInvocations } from './parse-invocations.ts';
import type { InvocationTarget } from './parse-invocations.ts';

const json = 'application/json';
const parse = (body: unknown, target: InvocationTarget, contentType: string | undefined = json) =>
  parseInvocations(
    contentType,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    target,
  );
const dataOf = (body: unknown, target: InvocationTarget, contentType?: string) =>
  parse(body, target, contentType).inputs.map(({ data }) => data);
const texts = (data: unknown) =>
  (data as readonly Uint8Array[]).map((bytes) => new TextDecoder().decode(bytes));
const failure = (field: string) =>
  expect.objectContaining({
    code: 'invalid_argument',
    details: expect.objectContaining({ field }) as unknown,
  }) as Error;

const table: InvocationTarget = {
  model: { inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 2] }], outputs: [] },
  mlflow: {
    inputs: {
      kind: 'columns',
      columns: [
        { name: 'a', type: 'double', required: true },
        { name: 'b', type: 'long', required: true },
      ],
    },
  },
};
const typed: InvocationTarget = {
  model: {
    inputs: [
      { name: 'a', datatype: 'INT32', shape: [-1, 1] },
      { name: 'zip', datatype: 'BYTES', shape: [-1, 1] },
      { name: 'day', datatype: 'BYTES', shape: [-1] },
      { name: 'big', datatype: 'INT64', shape: [-1, 1] },
    ],
    outputs: [],
  },
  mlflow: {
    inputs: {
      kind: 'columns',
      columns: [
        { name: 'a', type: 'integer', required: true },
        { name: 'zip', type: 'string', required: true },
        { name: 'day', type: 'string', required: true },
        { name: 'big', type: 'long', required: true },
      ],
    },
  },
};
const tensors: InvocationTarget = {
  model: {
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [-1, 2] },
      { name: 'y', datatype: 'INT64', shape: [-1] },
    ],
    outputs: [],
  },
};
const single: InvocationTarget = {
  model: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }], outputs: [] },
};

describe('an invocation', () => {
  it.each([
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/json;charset="utf-8"',
    '',
  ])('is JSON by %j', (contentType) => {
    expect(dataOf({ inputs: [[1, 2]] }, single, contentType)).toEqual([new Float32Array([1, 2])]);
  });

  it.each(['text/plain', 'application/json; charset=latin-1', 'application/vnd.apache.parquet'])(
    'of type %j is refused',
    (contentType) => {
      expect(() => parse({ inputs: [[1, 2]] }, single, contentType)).toThrow(
        failure('Content-Type'),
      );
    },
  );

  it('means the same in every form', () => {
    const expected = [new Float32Array([0.5, 3, NaN, -1])];
    expect(
      dataOf(
        {
          dataframe_split: {
            columns: ['b', 'a', 'x'],
            index: [7, 8],
            data: [
              [3, 0.5, 'u'],
              [-1, null, 0],
            ],
          },
        },
        table,
      ),
    ).toEqual(expected);
    expect(
      dataOf(
        {
          dataframe_records: [
            { a: 0.5, b: 3 },
            { b: -1, x: [] },
          ],
        },
        table,
      ),
    ).toEqual(expected);
    expect(
      dataOf(
        {
          instances: [
            { a: 0.5, b: 3 },
            { a: null, b: -1 },
          ],
        },
        table,
      ),
    ).toEqual(expected);
    expect(
      dataOf(
        {
          instances: [
            [0.5, 3],
            [null, -1],
          ],
        },
        table,
      ),
    ).toEqual(expected);
    expect(dataOf({ inputs: { a: [0.5, null], b: [3, -1] } }, table)).toEqual(expected);
    expect(dataOf('b,a\n3,0.5\n-1,\n', table, 'text/csv')).toEqual(expected);
    expect(
      dataOf('\n"x","b","a"\r\n"u,""v""","3","5e-1"\r\n,-1,NaN', table, 'text/csv; charset=utf-8'),
    ).toEqual(expected);
  });

  it('has the types of the signature whatever the form', () => {
    const row = { a: 1, zip: '00123', day: '2024-02-30', big: 0 };
    const withBig = (text: string) => text.replace('"big":0', '"big":9007199254740993');
    const bodies = [
      parse(withBig(JSON.stringify({ dataframe_records: [row] })), typed),
      parse(
        `{"dataframe_split":{"columns":["a","zip","day","big"],"data":[[1,"00123","2024-02-30",9007199254740993]]}}`,
        typed,
      ),
      parse('a,zip,day,big\n1,00123,2024-02-30,9007199254740993\n', typed, 'text/csv'),
      parse('a,zip,day,big\n"1","00123","2024-02-30","9007199254740993"\n', typed, 'text/csv'),
    ];
    for (const { inputs, form } of bodies) {
      const [a, zip, day, big] = inputs;
      expect(form).toBe('frame');
      expect(a?.data).toEqual(new Int32Array([1]));
      expect([texts(zip?.data), texts(day?.data)]).toEqual([['00123'], ['2024-02-30']]);
      expect(day?.shape).toEqual([1]);
      expect(big?.data).toEqual(new BigInt64Array([9007199254740993n]));
    }
  });

  it('takes tensors by name, by position and by row', () => {
    const expected = [new Float32Array([1, 2, 3, 4]), new BigInt64Array([5n, 6n])];
    expect(
      dataOf(
        {
          inputs: {
            x: [
              [1, 2],
              [3, 4],
            ],
            y: [5, 6],
          },
        },
        tensors,
      ),
    ).toEqual(expected);
    expect(
      dataOf(
        {
          instances: [
            { x: [1, 2], y: 5 },
            { x: [3, 4], y: 6 },
          ],
        },
        tensors,
      ),
    ).toEqual(expected);
    expect(dataOf({ inputs: [[1, 2]] }, single)).toEqual([new Float32Array([1, 2])]);
    expect(parse({ instances: [[1, 2]], params: { k: 1 } }, single)).toMatchObject({
      form: 'tensors',
      params: { k: 1 },
    });
    expect(dataOf({ dataframe_split: { data: [[1, 2]] } }, single)).toEqual([
      new Float32Array([1, 2]),
    ]);
  });

  it.each([
    ['no form', {}, table, 'body'],
    ['two forms', { inputs: [], instances: [] }, table, 'body'],
    ['a list', [], table, 'body'],
    ['a missing column', { dataframe_split: { columns: ['a'], data: [[1]] } }, table, 'body'],
    [
      'a column twice',
      { dataframe_split: { columns: ['a', 'a'], data: [] } },
      table,
      'dataframe_split.columns[1]',
    ],
    [
      'a short row',
      { dataframe_split: { columns: ['a', 'b'], data: [[1]] } },
      table,
      'dataframe_split.data[0]',
    ],
    [
      'a fraction for a long',
      {
        dataframe_records: [
          { a: 1, b: 1 },
          { a: 1, b: 0.5 },
        ],
      },
      table,
      'dataframe_records[1].b',
    ],
    [
      'a missing long',
      { dataframe_records: [{ a: 1, b: 1 }, { a: 1 }] },
      table,
      'dataframe_records[1].b',
    ],
    ['text for a double', { instances: [['1', 2]] }, table, 'instances[0][0]'],
    [
      'a number for text',
      { dataframe_records: [{ a: 1, zip: 123, day: '', big: 1 }] },
      typed,
      'dataframe_records[0].zip',
    ],
    [
      'an integer beyond INT32',
      { dataframe_records: [{ a: 2 ** 31, zip: '', day: '', big: 1 }] },
      typed,
      'dataframe_records[0].a',
    ],
    ['columns of unequal length', { inputs: { a: [1], b: [1, 2] } }, table, 'inputs.b'],
    ['1e39 for FP32', { inputs: { a: [1e39], b: [1] } }, table, 'inputs.a[0]'],
    ['a ragged tensor', { inputs: { x: [[1, 2], [3]], y: [1, 2] } }, tensors, 'inputs.x[1]'],
    [
      'a deep value',
      {
        inputs: {
          x: [
            [1, 2],
            [3, [4]],
          ],
          y: [1, 2],
        },
      },
      tensors,
      'inputs.x[1][1]',
    ],
    ['a missing input', { inputs: { x: [[1, 2]] } }, tensors, 'inputs'],
    [
      'a missing entry',
      { instances: [{ x: [1, 2], y: 5 }, { x: [3, 4] }] },
      tensors,
      'instances[1].y',
    ],
    ['a wrong entry', { instances: [{ x: [1, 'b'], y: 5 }] }, tensors, 'instances[0].x[1]'],
    ['unnamed inputs', { inputs: [[1, 2]] }, tensors, 'inputs'],
    ['three features for two', { inputs: [[1, 2, 3]] }, single, 'inputs[0].shape[1]'],
    ['params that are a list', { inputs: [[1, 2]], params: [1] }, single, 'params'],
  ])('with %s is refused', (_, body, target, field) => {
    expect(() => parse(body, target)).toThrow(failure(field));
  });

  it.each([
    ['no header', '', 'body'],
    ['a short line', 'a,b\n1\n', 'csv[1]'],
    ['a fraction for a long', 'a,b\n1,0.5\n', 'csv[1].b'],
    ['an empty long', 'a,b\n1,\n', 'csv[1].b'],
    ['text for a double', 'a,b\nx,1\n', 'csv[1].a'],
    ['hexadecimal', 'a,b\n0x10,1\n', 'csv[1].a'],
    ['an open quote', 'a,b\n"1,1\n', 'csv[1]'],
    ['text after a quote', 'a,b\n"1"2,1\n', 'csv[1]'],
  ])('as CSV with %s is refused', (_, body, field) => {
    expect(() => parse(body, table, 'text/csv')).toThrow(failure(field));
  });

  it('never throws anything but a refusal', () => {
    const values = fc.jsonValue({ maxDepth: 4 });
    const forms = fc.constantFrom('inputs', 'instances', 'dataframe_split', 'dataframe_records');
    const bodies = fc
      .tuple(forms, values)
      .map(([form, value]) => JSON.stringify({ [form]: value }));
    const splits = fc
      .record({ columns: values, data: values })
      .map((value) => JSON.stringify({ dataframe_split: value }));
    const csv = fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', '\r', '1') });
    fc.assert(
      fc.property(
        fc.oneof(bodies, splits, csv),
        fc.constantFrom(table, typed, tensors, single),
        fc.constantFrom(json, 'text/csv'),
        (body, target, contentType) => {
          try {
            parse(body, target, contentType);
          } catch (error) {
            if (!(error instanceof AppError) || error.code !== 'invalid_argument') throw error;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('predictions', () => {
  const outputs: readonly Tensor[] = [
    {
      name: 'label',
      datatype: 'INT64',
      shape: [2],
      data: new BigInt64Array([9007199254740993n, 1n]),
    },
    { name: 'p', datatype: 'FP32', shape: [2, 2], data: new Float32Array([0.25, 0.75, NaN, 1]) },
  ];

  it('answer a frame with one record per row', () => {
    expect(encodePredictions(outputs, 'frame')).toBe(
      '{"predictions":[{"label":9007199254740993,"p":[0.25,0.75]},{"label":1,"p":[null,1]}]}',
    );
  });

  it('answer tensors with a list per output', () => {
    expect(encodePredictions(outputs, 'tensors')).toBe(
      '{"predictions":{"label":[9007199254740993,1],"p":[[0.25,0.75],[null,1]]}}',
    );
    const empty: Tensor = { name: 'p', datatype: 'FP32', shape: [0, 2], data: new Float32Array(0) };
    expect(encodePredictions([empty], 'frame')).toBe('{"predictions":[]}');
    expect(encodePredictions([empty], 'tensors')).toBe('{"predictions":{"p":[]}}');
  });
});
