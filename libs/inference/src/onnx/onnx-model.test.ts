import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newArray } from '../tensors/datatype.ts';
import type { Datatype } from '../tensors/datatype.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import { identityModel, logisticModel, onnxModel, slowModel } from '../testing/tiny-models.ts';
import { measureRunMs } from './measure-run.ts';
import { readOnnxFile } from './onnx-file.ts';
import { OnnxModel } from './onnx-model.ts';

const features = (rows: number, width: number): Tensor<'FP32'> => ({
  name: 'features',
  datatype: 'FP32',
  shape: [rows, width],
  data: Float32Array.from({ length: rows * width }, (_, index) => Math.sin(index * 1.7)),
});
const refusal = (field: string, rule = '') =>
  expect.objectContaining({
    code: 'invalid_argument',
    details: expect.objectContaining({
      field,
      rule: expect.stringContaining(rule) as unknown,
    }) as unknown,
  }) as Error;

describe('an ONNX model', () => {
  it('tells its signature and metadata and computes what it should', async () => {
    await using model = await OnnxModel.load(logisticModel([0.5, -1.25, 2], 0.1));

    expect(model.signature).toEqual({
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3] }],
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
    });
    expect(model.metadata).toEqual({ made_by: 'a test' });
    expect(model.file).toMatchObject({
      irVersion: 8,
      opsets: { '': 17 },
      producerName: 'flywheel-test',
    });

    const inputs = features(4, 3);
    const [probability] = await model.run([inputs]);
    expect(probability?.shape).toEqual([4, 1]);
    for (let row = 0; row < 4; row += 1) {
      const [a = 0, b = 0, c = 0] = inputs.data.subarray(row * 3);
      const expected = 1 / (1 + Math.exp(-(0.5 * a - 1.25 * b + 2 * c + 0.1)));
      expect(probability?.data[row]).toBeCloseTo(expected, 5);
    }
  });

  it('is loaded from a path too', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'model.onnx');
    writeFileSync(path, logisticModel([1], 0));

    await using model = await OnnxModel.load(path);

    await expect(model.run([features(1, 1)])).resolves.toHaveLength(1);
    await expect(OnnxModel.load(join(folder.path, 'none.onnx'))).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it.each([
    ['BOOL', [1, 0]],
    ['UINT8', [255, 0]],
    ['UINT16', [65535, 1]],
    ['UINT32', [4294967295, 1]],
    ['INT8', [-128, 127]],
    ['INT16', [-32768, 1]],
    ['INT32', [-2147483648, 1]],
    ['FP16', [0x3c00, 0x7e01]],
    ['FP32', [-0, 1.5]],
    ['FP64', [-0, 0.1]],
  ] as [Exclude<Datatype, 'BYTES' | 'INT64' | 'UINT64'>, number[]][])(
    'gives back %s bit by bit',
    async (datatype, values) => {
      await using model = await OnnxModel.load(identityModel(datatype, ['n']));
      const data = newArray(datatype, 2);
      data.set(values);
      const [output] = await model.run([aTensorOf('x', datatype, [2], data)]);
      expect(output).toEqual({ name: 'y', datatype, shape: [2], data });
    },
  );

  it('gives back 64-bit integers and texts exactly', async () => {
    await using int64 = await OnnxModel.load(identityModel('INT64', ['n']));
    await using uint64 = await OnnxModel.load(identityModel('UINT64', ['n']));
    await using bytes = await OnnxModel.load(identityModel('BYTES', ['n']));
    const signed = new BigInt64Array([9007199254740993n, -9223372036854775808n]);
    const unsigned = new BigUint64Array([18446744073709551615n]);
    const texts = ['', 'Zürich 東京', '😀', 'say "hi"\n', 'é'.repeat(65_536)].map((text) =>
      new TextEncoder().encode(text),
    );

    const [first] = await int64.run([{ name: 'x', datatype: 'INT64', shape: [2], data: signed }]);
    const [second] = await uint64.run([
      { name: 'x', datatype: 'UINT64', shape: [1], data: unsigned },
    ]);
    const [third] = await bytes.run([{ name: 'x', datatype: 'BYTES', shape: [5], data: texts }]);

    expect([first?.data, second?.data, third?.data]).toEqual([signed, unsigned, texts]);
  });

  it('refuses texts that the runtime would change', async () => {
    await using model = await OnnxModel.load(identityModel('BYTES', ['n']));
    const run = (...data: Uint8Array[]) =>
      model.run([{ name: 'x', datatype: 'BYTES', shape: [data.length], data }]);
    await expect(run(Buffer.from('a'), Buffer.from('a\0b'))).rejects.toThrow(
      refusal('inputs[0].data[1]', 'U+0000'),
    );
    await expect(run(Uint8Array.of(0xff, 0xfe))).rejects.toThrow(
      refusal('inputs[0].data[0]', 'UTF-8'),
    );
  });

  it('refuses what does not fit its signature, naming the field', async () => {
    await using model = await OnnxModel.load(logisticModel([1, 2, 3], 0));
    await expect(model.run([features(1, 2)])).rejects.toThrow(
      refusal('inputs[0].shape[1]', 'must be 3'),
    );
    await expect(model.run([])).rejects.toThrow(refusal('inputs', 'features'));
    await expect(model.run([features(1, 3)], ['label'])).rejects.toThrow(
      refusal('outputs[0].name'),
    );
    const doubles: Tensor = { ...features(1, 3), datatype: 'FP64', data: new Float64Array(3) };
    await expect(model.run([doubles])).rejects.toThrow(
      refusal('inputs[0].datatype', 'must be FP32'),
    );
  });

  it('refuses values that it cannot compute with', async () => {
    await using model = await OnnxModel.load(
      onnxModel({
        inputs: [
          { name: 'table', datatype: 'FP32', shape: ['n'] },
          { name: 'at', datatype: 'INT64', shape: ['m'] },
        ],
        outputs: [{ name: 'y', datatype: 'FP32', shape: ['m'] }],
        nodes: [{ op: 'Gather', inputs: ['table', 'at'], outputs: ['y'] }],
      }),
    );
    const at = (index: bigint): Tensor => ({
      name: 'at',
      datatype: 'INT64',
      shape: [1],
      data: new BigInt64Array([index]),
    });
    const values: Tensor = {
      name: 'table',
      datatype: 'FP32',
      shape: [2],
      data: new Float32Array([1, 2]),
    };

    await expect(model.run([at(1n), values])).resolves.toMatchObject([
      { data: new Float32Array([2]) },
    ]);
    await expect(model.run([values, at(7n)])).rejects.toThrow(refusal('inputs'));
  });

  it('computes NaN and infinities without changing them', async () => {
    await using model = await OnnxModel.load(
      onnxModel({
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['n'] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: ['n'] }],
        nodes: [{ op: 'Log', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    const [output] = await model.run([
      { name: 'x', datatype: 'FP32', shape: [3], data: new Float32Array([-1, 0, 1]) },
    ]);
    expect(Array.from(output?.data as Float32Array)).toEqual([NaN, -Infinity, 0]);
  });

  it('gives each row of a batch the bits it has alone, when run row by row', async () => {
    const weights = Array.from({ length: 30 }, (_, index) => Math.cos(index) * 2);
    await using model = await OnnxModel.load(logisticModel(weights, -0.3));
    const batch = features(200, 30);

    const [together] = await model.runRows([batch]);

    expect(together?.shape).toEqual([200, 1]);
    for (let row = 0; row < 200; row += 1) {
      const data = batch.data.slice(row * 30, (row + 1) * 30);
      const [alone] = await model.run([{ ...batch, shape: [1, 30], data }]);
      expect(together?.data[row]).toBe(alone?.data[0]);
    }
    await expect(model.runRows([features(0, 30)])).resolves.toMatchObject([{ shape: [0, 1] }]);
  });

  it('runs texts row by row and refuses rows that do not match', async () => {
    await using texts = await OnnxModel.load(identityModel('BYTES', ['n', 2]));
    const data = ['a', 'b', 'c', 'd'].map((text) => new TextEncoder().encode(text));
    const [output] = await texts.runRows([{ name: 'x', datatype: 'BYTES', shape: [2, 2], data }]);
    expect(output).toEqual({ name: 'y', datatype: 'BYTES', shape: [2, 2], data });

    await using two = await OnnxModel.load(
      onnxModel({
        inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: ['n'] })),
        outputs: [{ name: 'y', datatype: 'FP32', shape: ['n'] }],
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
      }),
    );
    const vector = (name: string, length: number): Tensor => ({
      name,
      datatype: 'FP32',
      shape: [length],
      data: new Float32Array(length),
    });
    await expect(two.runRows([vector('a', 2), vector('b', 3)])).rejects.toThrow(
      refusal('inputs[1].shape[0]'),
    );
  });

  it('runs many at once and is closed only when they are done', async () => {
    const model = await OnnxModel.load(logisticModel([1], 0));
    const runs = Array.from({ length: 20 }, () => model.run([features(1, 1)]));
    await model[Symbol.asyncDispose]();
    await expect(Promise.all(runs)).resolves.toHaveLength(20);
    await expect(model.run([features(1, 1)])).rejects.toMatchObject({ code: 'unavailable' });
    await model[Symbol.asyncDispose]();
  });

  it('is measured, so that slow ones are known', async () => {
    await using quick = await OnnxModel.load(logisticModel([1, 2], 0));
    await using slow = await OnnxModel.load(slowModel(30));
    const inputs: Tensor[] = [
      { name: 'x', datatype: 'FP32', shape: [200, 200], data: new Float32Array(40_000) },
    ];
    const quickMs = (await measureRunMs(quick)) ?? Infinity;
    const slowMs = (await measureRunMs(slow, { inputs, runs: 3 })) ?? 0;
    expect(quickMs).toBeGreaterThan(0);
    expect(slowMs).toBeGreaterThan(quickMs);
  });
});

describe('a file that cannot be served', () => {
  // What scikit-learn's converter emits by default: a list of maps from class to probability.
  const zipMap = onnxModel({
    mlOpset: 1,
    inputs: [{ name: 'p', datatype: 'FP32', shape: ['n', 2] }],
    outputs: [
      {
        name: 'output_probability',
        type: [
          [
            4,
            [
              [
                1,
                [
                  [
                    5,
                    [
                      [1, 8],
                      [2, [[1, [[1, 1]]]]],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      },
    ],
    nodes: [
      {
        op: 'ZipMap',
        domain: 'ai.onnx.ml',
        inputs: ['p'],
        outputs: ['output_probability'],
        attributes: [
          [
            5,
            [
              [1, 'classlabels_strings'],
              [9, 'no'],
              [9, 'yes'],
              [20, 8],
            ],
          ],
        ],
      },
    ],
  });

  it('is refused by name when an output is no tensor, with the way out', async () => {
    await expect(OnnxModel.load(zipMap)).rejects.toThrow(
      refusal('model.outputs.output_probability', 'zipmap=False'),
    );
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['text', Buffer.from('this is no model at all')],
    ['half a model', logisticModel([1, 2, 3], 0).subarray(0, 90)],
    [
      'an unknown operator',
      onnxModel({
        inputs: [],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
        nodes: [{ op: 'NoSuchThing', inputs: [], outputs: ['y'] }],
      }),
    ],
  ])('is refused when it is %s', async (_, bytes) => {
    await expect(OnnxModel.load(bytes)).rejects.toThrow(refusal('model'));
  });

  it('is refused whatever its bytes are, and never anything else', () => {
    const good = logisticModel([1, 2, 3], 0);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: good.byteLength - 1 }), fc.nat({ max: 255 })), {
          maxLength: 6,
        }),
        (changes) => {
          const bytes = Uint8Array.from(good);
          for (const [at, byte] of changes) bytes[at] = byte;
          try {
            readOnnxFile(bytes);
          } catch (error) {
            if (!(error instanceof AppError) || error.code !== 'invalid_argument') throw error;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('the head of an ONNX file', () => {
  it('leaves out inputs that have an initial value, and knows shapes that are not told', () => {
    const file = readOnnxFile(
      onnxModel({
        inputs: [
          { name: 'x', datatype: 'FP32' },
          { name: 'w', datatype: 'FP32', shape: [1] },
        ],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
        weights: [{ name: 'w', shape: [1], values: [1] }],
        nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
        mlOpset: 3,
      }),
    );
    expect(file.signature).toEqual({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1], anyRank: true }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
    });
    expect(file.opsets).toEqual({ '': 17, 'ai.onnx.ml': 3 });
  });
});
