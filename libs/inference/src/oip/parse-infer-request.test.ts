import { AppError } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { parseInferRequest } from './parse-infer-request.ts';
import { parseHeaderLength } from './header-length.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseInferRequest(bytesOf(text));
const dataOf = (tensor: string) => parse(`{"inputs":[{"name":"x",${tensor}}]}`).inputs[0]?.data;
const refusal = (read: () => unknown): unknown => {
  try {
    read();
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, field: error.details?.['field'] };
    throw error;
  }
  return 'accepted';
};
const refused = (field: string) => ({ code: 'invalid_argument', field });

describe('parsing an inference request in JSON', () => {
  it('reads every part', () => {
    const request = parse(
      '{"id":"42","parameters":{"timeout":500,"big":9007199254740993,"__proto__":"safe"},"inputs":[' +
        '{"name":"a","shape":[2,2],"datatype":"FP32","data":[1,-2.5,3e2,0.1]},' +
        '{"data":[true,false],"datatype":"BOOL","parameters":{"content_type":"np"},"name":"b","shape":[2]}],' +
        '"outputs":[{"name":"y","parameters":{"binary_data":true,"k":1}},{"name":"z"}],"unknown":[{"a":1}]}',
    );

    expect(request).toEqual({
      id: '42',
      parameters: Object.assign(Object.create(null), {
        timeout: 500,
        big: 9007199254740993n,
        ['__proto__']: 'safe',
      }) as object,
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [2, 2], data: new Float32Array([1, -2.5, 300, 0.1]) },
        {
          name: 'b',
          datatype: 'BOOL',
          shape: [2],
          data: new Uint8Array([1, 0]),
          parameters: { content_type: 'np' },
        },
      ],
      outputs: [
        { name: 'y', parameters: { binary_data: true, k: 1 }, binary: true },
        { name: 'z', parameters: {}, binary: false },
      ],
      binaryOutput: false,
    });
    expect(Object.keys(request.parameters)).toContain('__proto__');
  });

  it.each([
    ['"shape":[2,2],"datatype":"INT32","data":[[1,2],[3,4]]', new Int32Array([1, 2, 3, 4])],
    ['"shape":[2,2],"datatype":"INT32","data":[1,2,3,4]', new Int32Array([1, 2, 3, 4])],
    ['"shape":[1,2,1],"datatype":"INT8","data":[[[1],[-128]]]', new Int8Array([1, -128])],
    ['"shape":[],"datatype":"FP64","data":[5]', new Float64Array([5])],
    ['"shape":[0,30],"datatype":"FP32","data":[]', new Float32Array(0)],
    ['"shape":[2,0],"datatype":"FP32","data":[[],[]]', new Float32Array(0)],
    ['"shape":[3],"datatype":"UINT8","data":[255,3.0,2e1]', new Uint8Array([255, 3, 20])],
    ['"shape":[1],"datatype":"FP32","data":[3.4028235e38]', new Float32Array([3.4028235e38])],
    ['"data":[[1,2]],"shape":[1,2],"datatype":"FP32"', new Float32Array([1, 2])],
    [
      '"shape":[2],"datatype":"INT64","data":[9007199254740993,-9223372036854775808]',
      new BigInt64Array([9007199254740993n, -9223372036854775808n]),
    ],
    [
      '"shape":[1],"datatype":"UINT64","data":[18446744073709551615]',
      new BigUint64Array([18446744073709551615n]),
    ],
  ])('takes %s', (tensor, data) => {
    expect(dataOf(tensor)).toEqual(data);
  });

  it('reads strings exactly', () => {
    const texts = ['a\u0000b', '', 'Zürich 東京', '😀', 'say "hi"\n', 'é'.repeat(65_536)];
    const data = dataOf(`"shape":[6],"datatype":"BYTES","data":${JSON.stringify(texts)}`);
    expect((data as Uint8Array[]).map((bytes) => new TextDecoder().decode(bytes))).toEqual(texts);
  });

  it('keeps the sign of zero', () => {
    const data = dataOf('"shape":[2],"datatype":"FP32","data":[-0,-0.0]') as Float32Array;
    expect(Array.from(data, (value) => Object.is(value, -0))).toEqual([true, true]);
  });

  it('counts null for an optional member as absent', () => {
    expect(
      parse(
        '{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","parameters":null,"shape":[1],"datatype":"BOOL","data":[true]}]}',
      ),
    ).toEqual({
      parameters: {},
      inputs: [{ name: 'x', datatype: 'BOOL', shape: [1], data: new Uint8Array([1]) }],
      binaryOutput: false,
    });
  });

  it.each([
    ['data shorter than the shape', '"shape":[2,2],"datatype":"FP32","data":[1,2,3]', 'data'],
    ['data longer than the shape', '"shape":[2],"datatype":"FP32","data":[1,2,3]', 'data'],
    ['nested data with a row too few', '"shape":[2,2],"datatype":"FP32","data":[[1,2]]', 'data'],
    ['a ragged row', '"shape":[2,2],"datatype":"FP32","data":[[1,2],[3]]', 'data[1]'],
    ['a row too long', '"shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4,5]]', 'data[1]'],
    ['a row too deep', '"shape":[2],"datatype":"FP32","data":[[1],[2]]', 'data[0]'],
    ['a number among rows', '"shape":[2,1],"datatype":"FP32","data":[[1],2]', 'data[1]'],
    ['a row among numbers', '"shape":[2],"datatype":"FP32","data":[1,[2]]', 'data[1]'],
    ['a nested scalar', '"shape":[],"datatype":"FP32","data":[[1]]', 'data'],
    ['a bare number', '"shape":[],"datatype":"FP32","data":1', 'data'],
    ['an object as data', '"shape":[1],"datatype":"FP32","data":{"0":1}', 'data'],
    ['no data', '"shape":[1],"datatype":"FP32"', 'data'],
    ['null as data', '"shape":[1],"datatype":"FP32","data":null', 'data'],
    ['a fraction for an integer', '"shape":[1],"datatype":"INT64","data":[0.1]', 'data[0]'],
    ['a fraction for a small integer', '"shape":[2],"datatype":"INT8","data":[1,1.5]', 'data[1]'],
    ['an integer out of range', '"shape":[1],"datatype":"UINT8","data":[256]', 'data[0]'],
    ['a negative for an unsigned', '"shape":[1],"datatype":"UINT64","data":[-1]', 'data[0]'],
    ['2^63', '"shape":[1],"datatype":"INT64","data":[9223372036854775808]', 'data[0]'],
    ['2^64', '"shape":[1],"datatype":"UINT64","data":[18446744073709551616]', 'data[0]'],
    ['an inexact integer', '"shape":[1],"datatype":"INT64","data":[1e18]', 'data[0]'],
    ['1e39 in FP32', '"shape":[1],"datatype":"FP32","data":[1e39]', 'data[0]'],
    ['1e999 in FP64', '"shape":[1],"datatype":"FP64","data":[1e999]', 'data[0]'],
    ['a string for a number', '"shape":[2],"datatype":"FP32","data":[1,"2"]', 'data[1]'],
    ['a boolean for a number', '"shape":[1],"datatype":"FP32","data":[true]', 'data[0]'],
    ['null for a number', '"shape":[3],"datatype":"FP32","data":[1,null,3]', 'data[1]'],
    ['null in a row', '"shape":[1,2],"datatype":"FP32","data":[[1,null]]', 'data[0][1]'],
    ['a bare NaN', '"shape":[1],"datatype":"FP32","data":[NaN]', 'data[0]'],
    ['a bare Infinity', '"shape":[1],"datatype":"FP64","data":[-Infinity]', 'body'],
    ['a number for a boolean', '"shape":[1],"datatype":"BOOL","data":[1]', 'data[0]'],
    ['a number for a string', '"shape":[1],"datatype":"BYTES","data":[1]', 'data[0]'],
    ['half a surrogate pair', '"shape":[1],"datatype":"BYTES","data":["\\ud800"]', 'data[0]'],
    ['FP16 in JSON', '"shape":[1],"datatype":"FP16","data":[1]', 'data'],
    ['an unknown datatype', '"shape":[1],"datatype":"BF16","data":[1]', 'datatype'],
    ['a datatype in lower case', '"shape":[1],"datatype":"fp32","data":[1]', 'datatype'],
    ['a prototype key as datatype', '"shape":[1],"datatype":"constructor","data":[1]', 'datatype'],
    ['a number as datatype', '"shape":[1],"datatype":32,"data":[1]', 'datatype'],
    ['no datatype', '"shape":[1],"data":[1]', 'datatype'],
    ['no shape', '"datatype":"FP32","data":[1]', 'shape'],
    ['a negative dimension', '"shape":[1,-1],"datatype":"FP32","data":[1]', 'shape[1]'],
    ['a broken dimension', '"shape":[1.5],"datatype":"FP32","data":[1]', 'shape[0]'],
    ['a dimension as text', '"shape":["1"],"datatype":"FP32","data":[1]', 'shape[0]'],
    ['a shape that is no list', '"shape":1,"datatype":"FP32","data":[1]', 'shape'],
    ['huge dimensions', '"shape":[4294967296,4294967296],"datatype":"FP32","data":[]', 'shape'],
    ['a product beyond 2^53', '"shape":[94906267,94906267],"datatype":"FP32","data":[1]', 'shape'],
    [
      'a dimension beyond 2^53',
      '"shape":[0,9007199254740993],"datatype":"FP32","data":[]',
      'shape[1]',
    ],
    ['many strings declared', '"shape":[2147483647],"datatype":"BYTES","data":["a"]', 'shape'],
    ['a million declared, one sent', '"shape":[1000000],"datatype":"FP64","data":[1]', 'data'],
    [
      '33 dimensions',
      `"shape":[${Array(33).fill(1).join(',')}],"datatype":"FP32","data":[1]`,
      'shape',
    ],
    ['data twice', '"shape":[1],"datatype":"FP32","data":[1],"data":[2]', 'data'],
    ['a name twice', '"name":"y","shape":[1],"datatype":"FP32","data":[1]', 'name'],
    [
      'parameters as a list',
      '"parameters":[],"shape":[1],"datatype":"FP32","data":[1]',
      'parameters',
    ],
    [
      'a nested parameter',
      '"parameters":{"a":{}},"shape":[1],"datatype":"FP32","data":[1]',
      'parameters.a',
    ],
    [
      'a parameter twice',
      '"parameters":{"a":1,"a":2},"shape":[1],"datatype":"FP32","data":[1]',
      'parameters.a',
    ],
    [
      'shared memory',
      '"parameters":{"shared_memory_region":"r"},"shape":[1],"datatype":"FP32"',
      'parameters.shared_memory_region',
    ],
    [
      'binary data without the header',
      '"parameters":{"binary_data_size":4},"shape":[1],"datatype":"FP32"',
      'parameters.binary_data_size',
    ],
  ])('refuses %s', (_, tensor, field) => {
    const path = field === 'body' ? 'body' : `inputs[0].${field}`;
    if (tensor.includes('Infinity'))
      expect(refusal(() => dataOf(tensor))).toMatchObject({ code: 'invalid_argument' });
    else expect(refusal(() => dataOf(tensor))).toEqual(refused(path));
  });

  const good = '{"name":"x","shape":[1],"datatype":"BOOL","data":[true]}';
  it.each([
    ['an empty body', '', 'body'],
    ['white space alone', ' \n', 'body'],
    ['a byte order mark', '\ufeff{}', 'body'],
    ['a list', '[]', 'body'],
    ['null', 'null', 'body'],
    ['malformed JSON', '{"inputs":[', 'body'],
    ['single quotes', "{'inputs':[]}", 'body'],
    ['a trailing comma', `{"inputs":[${good}],}`, 'body'],
    ['two values', `{"inputs":[${good}]}{}`, 'body'],
    ['a depth bomb', '['.repeat(100_000), 'body'],
    ['a depth bomb in an unknown member', `{"a":${'['.repeat(100_000)}`, 'body'],
    ['a depth bomb in inputs', `{"inputs":${'['.repeat(100_000)}`, 'inputs[0]'],
    ['no inputs', '{}', 'inputs'],
    ['empty inputs', '{"inputs":[]}', 'inputs'],
    ['null inputs', '{"inputs":null}', 'inputs'],
    ['inputs that are an object', '{"inputs":{}}', 'inputs'],
    ['an input that is no object', '{"inputs":[1]}', 'inputs[0]'],
    [
      'an input without a name',
      '{"inputs":[{"shape":[1],"datatype":"BOOL","data":[true]}]}',
      'inputs[0].name',
    ],
    ['an input with an empty name', '{"inputs":[{"name":""}]}', 'inputs[0].name'],
    ['two inputs of one name', `{"inputs":[${good},${good}]}`, 'inputs[1].name'],
    ['inputs twice', `{"inputs":[${good}],"inputs":[${good}]}`, 'inputs'],
    ['an id that is a number', `{"id":1,"inputs":[${good}]}`, 'id'],
    ['outputs that are no list', `{"inputs":[${good}],"outputs":{}}`, 'outputs'],
    ['an output without a name', `{"inputs":[${good}],"outputs":[{}]}`, 'outputs[0].name'],
    [
      'an output named twice',
      `{"inputs":[${good}],"outputs":[{"name":"y"},{"name":"y"}]}`,
      'outputs[1].name',
    ],
    [
      'binary_data that is text',
      `{"inputs":[${good}],"outputs":[{"name":"y","parameters":{"binary_data":"yes"}}]}`,
      'outputs[0].parameters.binary_data',
    ],
    [
      'binary_data_output that is 1',
      `{"parameters":{"binary_data_output":1},"inputs":[${good}]}`,
      'parameters.binary_data_output',
    ],
    ['a parameter that is null', `{"parameters":{"a":null},"inputs":[${good}]}`, 'parameters.a'],
    ['a parameter beyond doubles', `{"parameters":{"a":1e999},"inputs":[${good}]}`, 'parameters.a'],
  ])('refuses %s', (_, text, field) => {
    expect(refusal(() => parse(text))).toEqual(refused(field));
  });

  it('refuses bytes that are not UTF-8, and bodies beyond the limit', () => {
    expect(refusal(() => parseInferRequest(Uint8Array.of(0x7b, 0xff, 0x7d)))).toEqual(
      refused('body'),
    );
    const tooLarge = () => parseInferRequest(new Uint8Array(11), { limits: { maxBodyBytes: 10 } });
    expect(refusal(tooLarge)).toEqual({ code: 'payload_too_large', field: 'body' });
  });

  it('does not allocate what a shape only declares', () => {
    const shapes = ['[4294967296,4294967296]', '[94906267,94906267]', '[16777216]', '[1048577]'];
    const before = process.memoryUsage();
    for (const shape of shapes)
      for (const datatype of ['FP64', 'BYTES', 'INT64'])
        expect(
          refusal(() => dataOf(`"shape":${shape},"datatype":"${datatype}","data":[1]`)),
        ).toMatchObject({ code: 'invalid_argument' });
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
  });
});

// Bodies as the client library tritonclient 2.73.0 makes them.
const clientHeader =
  '{"id":"r1","inputs":[{"name":"f","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}},{"name":"s","shape":[4],"datatype":"BYTES","parameters":{"binary_data_size":35}},{"name":"j","shape":[2],"datatype":"INT64","data":[1,-2]},{"name":"l","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}},{"name":"b","shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}},{"name":"h","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"z","parameters":{"binary_data":false}}],"parameters":{"priority":2,"timeout":500}}';
const clientTail = Buffer.from(
  '0000c03f000000800000c07f030000006100620e0000005ac3bc7269636820e69db1e4baac02000000fffe0000000001000000000020000100003cfffb',
  'hex',
);

describe('parsing an inference request with binary tensors', () => {
  const body = (json: string, ...tail: readonly number[]) => ({
    bytes: Buffer.concat([Buffer.from(json), Uint8Array.from(tail)]),
    headerLength: Buffer.byteLength(json),
  });
  const tensor = (parts: string) => `{"inputs":[{"name":"x",${parts}}]}`;
  const parseBinary = ({ bytes, headerLength }: { bytes: Uint8Array; headerLength: number }) =>
    parseInferRequest(bytes, { headerLength });

  it("reads a client library's bytes exactly", () => {
    const { inputs, ...rest } = parseInferRequest(
      Buffer.concat([Buffer.from(clientHeader), clientTail]),
      { headerLength: 630 },
    );

    const [f, s, j, l, b, h] = inputs;
    expect(Buffer.from(new Uint8Array((f?.data as Float32Array).buffer)).toString('hex')).toBe(
      '0000c03f000000800000c07f',
    );
    expect((s?.data as Uint8Array[]).map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual([
      '610062',
      '5ac3bc7269636820e69db1e4baac',
      'fffe',
      '',
    ]);
    expect(j?.data).toEqual(new BigInt64Array([1n, -2n]));
    expect(l?.data).toEqual(new BigInt64Array([9007199254740993n]));
    expect(b?.data).toEqual(new Uint8Array([1, 0]));
    expect(h?.data).toEqual(new Uint16Array([0x3c00, 0xfbff]));
    expect(inputs.every(({ parameters }) => parameters === undefined)).toBe(true);
    expect(rest).toEqual({
      id: 'r1',
      parameters: { priority: 2, timeout: 500 },
      outputs: [
        { name: 'y', parameters: { binary_data: true }, binary: true },
        { name: 'z', parameters: { binary_data: false }, binary: false },
      ],
      binaryOutput: false,
    });
  });

  it('lets an output decide for itself, and the request for the rest', () => {
    const json =
      '{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1],"datatype":"BOOL","data":[true]}],"outputs":[{"name":"y"},{"name":"z","parameters":{"binary_data":false}}]}';
    const request = parseInferRequest(Buffer.from(json), { headerLength: json.length });
    expect(request.outputs?.map(({ binary }) => binary)).toEqual([true, false]);
    expect(request.binaryOutput).toBe(true);
  });

  it.each([
    [
      'bytes missing',
      body(tensor('"shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}'), 1, 2, 3),
      'inputs[0].parameters.binary_data_size',
    ],
    [
      'bytes left over',
      body(tensor('"shape":[1],"datatype":"INT8","parameters":{"binary_data_size":1}'), 1, 2),
      'body',
    ],
    [
      'a size that is not the shape',
      body(tensor('"shape":[1],"datatype":"FP32","parameters":{"binary_data_size":3}'), 1, 2, 3),
      'inputs[0].parameters.binary_data_size',
    ],
    [
      'a size too large for the shape',
      body(tensor('"shape":[1],"datatype":"INT8","parameters":{"binary_data_size":2}'), 1, 2),
      'inputs[0].parameters.binary_data_size',
    ],
    [
      'a negative size',
      body(tensor('"shape":[1],"datatype":"INT8","parameters":{"binary_data_size":-1}'), 1),
      'inputs[0].parameters.binary_data_size',
    ],
    [
      'a size that is text',
      body(tensor('"shape":[1],"datatype":"INT8","parameters":{"binary_data_size":"1"}'), 1),
      'inputs[0].parameters.binary_data_size',
    ],
    [
      'data and binary data',
      body(
        tensor('"shape":[1],"datatype":"INT8","data":[1],"parameters":{"binary_data_size":1}'),
        1,
      ),
      'inputs[0].data',
    ],
    [
      'a boolean of 2',
      body(tensor('"shape":[2],"datatype":"BOOL","parameters":{"binary_data_size":2}'), 1, 2),
      'inputs[0].data[1]',
    ],
    [
      'a string cut short',
      body(
        tensor('"shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}'),
        2,
        0,
        0,
        0,
        65,
      ),
      'inputs[0].data[0]',
    ],
    [
      'a string length cut short',
      body(
        tensor('"shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":8}'),
        1,
        0,
        0,
        0,
        65,
        0,
        0,
        0,
      ),
      'inputs[0].data[1]',
    ],
    [
      'a string too few',
      body(
        tensor('"shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":8}'),
        4,
        0,
        0,
        0,
        65,
        65,
        65,
        65,
      ),
      'inputs[0].data',
    ],
    [
      'a string too many',
      body(
        tensor('"shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":8}'),
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ),
      'inputs[0].data',
    ],
    [
      'a shape that nobody can send',
      body(
        tensor('"shape":[2147483647],"datatype":"BYTES","parameters":{"binary_data_size":4}'),
        0,
        0,
        0,
        0,
      ),
      'inputs[0].shape',
    ],
  ])('refuses %s', (_, request, field) => {
    expect(refusal(() => parseBinary(request))).toEqual(refused(field));
  });

  it('refuses a header length that the body does not have', () => {
    const lengths = [3, -1, 1.5, NaN];
    for (const headerLength of lengths)
      expect(refusal(() => parseInferRequest(bytesOf('{}'), { headerLength }))).toEqual(
        refused('Inference-Header-Content-Length'),
      );
    expect(parseHeaderLength(undefined)).toBeUndefined();
    expect(parseHeaderLength('134')).toBe(134);
    for (const value of ['', '-1', '+1', '1e3', '0x10', '1.0', '9'.repeat(20), '1,2'])
      expect(refusal(() => parseHeaderLength(value))).toEqual(
        refused('Inference-Header-Content-Length'),
      );
  });

  it('reads a raw request by the only input of the model', () => {
    const signature = (datatype: 'FP32' | 'BYTES', shape: readonly number[]) => ({
      inputs: [{ name: 'x', datatype, shape }],
      outputs: [],
    });
    const raw = (bytes: Uint8Array, datatype: 'FP32' | 'BYTES', shape: readonly number[]) =>
      parseInferRequest(bytes, { headerLength: 0, signature: signature(datatype, shape) });

    expect(raw(new Uint8Array(24), 'FP32', [-1, 3])).toEqual({
      parameters: {},
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3], data: new Float32Array(6) }],
      binaryOutput: true,
    });
    expect(raw(bytesOf('é'), 'BYTES', [-1]).inputs[0]).toMatchObject({ shape: [1] });
    expect(refusal(() => raw(new Uint8Array(23), 'FP32', [-1, 3]))).toEqual(refused('body'));
    expect(refusal(() => raw(new Uint8Array(24), 'FP32', [1, 3]))).toEqual(refused('body'));
    expect(refusal(() => raw(new Uint8Array(0), 'FP32', [-1]))).toEqual(refused('body'));
    expect(refusal(() => raw(new Uint8Array(24), 'FP32', [-1, -1]))).toEqual(
      refused('Inference-Header-Content-Length'),
    );
    expect(refusal(() => parseInferRequest(bytesOf('{}'), { headerLength: 0 }))).toEqual(
      refused('Inference-Header-Content-Length'),
    );
  });
});
