import { AppError } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { datatypes, newArray } from '../tensors/datatype.ts';
import { aTensorOf, elementCount } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import { encodeBinary } from './binary-data.ts';
import { encodeInferRequest } from './encode-infer-request.ts';
import { encodeInferResponse, wantsBinary } from './encode-infer-response.ts';
import { parseInferRequest } from './parse-infer-request.ts';
import { parseInferResponse } from './parse-infer-response.ts';
import type { EncodedBody } from './write-tensor.ts';

const shapes = fc.array(fc.nat({ max: 4 }), { maxLength: 4 });

/** Any bits at all, of any datatype and a small shape. */
const tensors = fc
  .tuple(fc.constantFrom(...datatypes), shapes, fc.uint8Array({ minLength: 8, maxLength: 64 }))
  .map(([datatype, shape, noise]): Tensor => {
    const count = elementCount(shape);
    if (datatype === 'BYTES') {
      const data = Array.from({ length: count }, (_, index) => noise.slice(index % 8, index % 13));
      return aTensorOf('x', datatype, shape, data);
    }
    const data = newArray(datatype, count);
    const bytes = new Uint8Array(data.buffer);
    bytes.forEach((_, index) => {
      const byte = noise[index % noise.length] as number;
      bytes[index] = datatype === 'BOOL' ? byte % 2 : byte;
    });
    return aTensorOf('x', datatype, shape, data);
  });

/** What JSON can say: finite numbers, text, nothing of FP16. */
const jsonTensors = tensors
  .filter(({ datatype }) => datatype !== 'FP16')
  .map((tensor): Tensor => {
    if (tensor.datatype === 'BYTES')
      return {
        ...tensor,
        data: tensor.data.map((bytes) => Buffer.from(Buffer.from(bytes).toString('latin1'))),
      };
    if (tensor.datatype === 'FP32' || tensor.datatype === 'FP64')
      return {
        ...tensor,
        data: tensor.data.map((value) => (Number.isFinite(value) ? value : -0)),
      } as Tensor;
    return tensor;
  });

const bytesOf = ({ body }: EncodedBody) => (typeof body === 'string' ? Buffer.from(body) : body);
const bits = (tensor: Tensor | undefined) =>
  tensor && {
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape,
    bits: Buffer.from(encodeBinary(tensor)).toString('hex'),
  };

describe('the codec', () => {
  it('carries every datatype in binary without changing a bit', () => {
    fc.assert(
      fc.property(fc.array(tensors, { minLength: 1, maxLength: 4 }), (list) => {
        const inputs = list.map((tensor, index) => ({ ...tensor, name: `x${index}` }));
        const request = { parameters: {}, inputs, binaryOutput: true };
        const encoded = encodeInferRequest(request, { binary: () => true });
        const parsed = parseInferRequest(bytesOf(encoded), { headerLength: encoded.headerLength });
        expect(parsed.inputs.map(bits)).toEqual(inputs.map(bits));
        expect(parsed.binaryOutput).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('carries every datatype in JSON without changing a bit', () => {
    fc.assert(
      fc.property(jsonTensors, (tensor) => {
        const encoded = encodeInferResponse({ modelName: 'm', outputs: [tensor] });
        expect(encoded.headerLength).toBeUndefined();
        expect(() => JSON.parse(encoded.body as string) as unknown).not.toThrow();
        const parsed = parseInferResponse(bytesOf(encoded));
        expect(bits(parsed.outputs[0])).toEqual(bits(tensor));
      }),
      { numRuns: 500 },
    );
  });

  it('mixes JSON and binary tensors, parameters and outputs', () => {
    const inputs: Tensor[] = [
      { name: 'a', datatype: 'FP32', shape: [1], data: new Float32Array([0.1]) },
      { name: 'ß', datatype: 'INT64', shape: [1], data: new BigInt64Array([2n ** 62n + 1n]) },
    ];
    const request = {
      id: 'é',
      parameters: { count: 9007199254740993n, flag: true, text: '"' },
      inputs,
      outputs: [{ name: 'y', parameters: { k: 2 }, binary: true }],
      binaryOutput: false,
    };

    const encoded = encodeInferRequest(request, { binary: (name) => name === 'ß' });
    const parsed = parseInferRequest(bytesOf(encoded), { headerLength: encoded.headerLength });

    expect(parsed).toEqual({
      ...request,
      outputs: [{ name: 'y', parameters: { k: 2, binary_data: true }, binary: true }],
    });
  });

  it('never throws anything but a refusal, whatever bytes come', () => {
    const seed = bytesOf(
      encodeInferRequest(
        {
          parameters: { p: 1 },
          inputs: [
            {
              name: 'a',
              datatype: 'FP32',
              shape: [2, 2],
              data: new Float32Array([1, -2.5, 3e-9, 4]),
            },
            { name: 'b', datatype: 'BYTES', shape: [2], data: [Buffer.from('é'), Buffer.from('')] },
            { name: 'c', datatype: 'INT64', shape: [1], data: new BigInt64Array([-1n]) },
          ],
          outputs: [{ name: 'y', parameters: {}, binary: true }],
          binaryOutput: false,
        },
        { binary: (name) => name === 'b' },
      ),
    );
    const mutations = fc
      .array(fc.tuple(fc.nat({ max: seed.byteLength - 1 }), fc.nat({ max: 255 })), { maxLength: 4 })
      .map((changes) => {
        const copy = Uint8Array.from(seed);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const cuts = fc.nat({ max: seed.byteLength }).map((end) => seed.subarray(0, end));
    const anything = fc.oneof(mutations, cuts, fc.uint8Array({ maxLength: 64 }));
    fc.assert(
      fc.property(
        anything,
        fc.option(fc.nat({ max: 500 }), { nil: undefined }),
        (bytes, headerLength) => {
          for (const parse of [parseInferRequest, parseInferResponse])
            try {
              parse(bytes, { headerLength });
            } catch (error) {
              if (!(error instanceof AppError) || error.status < 400 || error.status > 499)
                throw error;
              expect(error.details).toHaveProperty('field');
            }
        },
      ),
      { numRuns: 4_000 },
    );
  });
});

describe('encoding an inference response', () => {
  const output = (values: readonly number[]): Tensor => ({
    name: 'p',
    datatype: 'FP32',
    shape: [values.length],
    data: Float32Array.from(values),
  });

  it('writes what the protocol shows', () => {
    expect(
      encodeInferResponse({
        modelName: 'm"1',
        modelVersion: '3',
        id: 'é',
        parameters: { arm: 'champion' },
        outputs: [output([0.5, -0, 1e-7])],
      }),
    ).toEqual({
      body: '{"model_name":"m\\"1","model_version":"3","id":"é","parameters":{"arm":"champion"},"outputs":[{"name":"p","datatype":"FP32","shape":[3],"data":[0.5,-0.0,1.0000000116860974e-7]}]}',
    });
  });

  it('counts the header in bytes and appends raw tensors in order', () => {
    const { body, headerLength } = encodeInferResponse(
      {
        modelName: 'ü',
        outputs: [
          output([1.5, NaN]),
          { name: 'label', datatype: 'BYTES', shape: [1], data: [Uint8Array.of(0xff, 0xfe)] },
        ],
      },
      { binary: () => true },
    );
    const json = (body as Uint8Array).subarray(0, headerLength);
    expect(JSON.parse(Buffer.from(json).toString())).toEqual({
      model_name: 'ü',
      outputs: [
        { name: 'p', datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } },
        { name: 'label', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 6 } },
      ],
    });
    expect(Buffer.from((body as Uint8Array).subarray(headerLength)).toString('hex')).toBe(
      '0000c03f0000c07f02000000fffe',
    );
  });

  const unsayable: [string, Tensor, string][] = [
    ['NaN', output([0, NaN, 1]), 'outputs[0].data[1]'],
    [
      'an infinity in a long answer',
      output([...Array<number>(70).fill(0), -Infinity]),
      'outputs[0].data[70]',
    ],
    [
      'bytes that are not text',
      { name: 'p', datatype: 'BYTES', shape: [1], data: [Uint8Array.of(0xff, 0xfe)] },
      'outputs[0].data[0]',
    ],
    ['halves', { name: 'p', datatype: 'FP16', shape: [1], data: new Uint16Array(1) }, 'outputs[0]'],
    ['data that are not the shape', { ...output([1]), shape: [2] }, 'outputs[0].data'],
  ];
  it.each(unsayable)('refuses to say %s in JSON, naming the output', (_, tensor, field) => {
    const encode = () => encodeInferResponse({ modelName: 'm', outputs: [tensor] });
    expect(encode).toThrow(AppError);
    expect(encode).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        details: expect.objectContaining({ field, name: 'p' }) as unknown,
      }),
    );
  });

  it('writes null for what is not finite when told so, keeping the length', () => {
    const { body } = encodeInferResponse(
      { modelName: 'm', outputs: [output([NaN, -Infinity, 0])] },
      { nonFinite: 'null' },
    );
    expect(
      (JSON.parse(body as string) as { outputs: { data: unknown }[] }).outputs[0]?.data,
    ).toEqual([null, null, 0]);
  });

  it('asks the request which outputs are to be binary', () => {
    const wants = wantsBinary({ outputs: [{ name: 'a', binary: false }], binaryOutput: true });
    expect([wants('a'), wants('b')]).toEqual([false, true]);
    expect(wantsBinary({ binaryOutput: false })('a')).toBe(false);
  });
});
