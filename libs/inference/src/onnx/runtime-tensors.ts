import { invalid } from '@flywheel/core';
import { Tensor as RuntimeTensor } from 'onnxruntime-node';
import { decodeUtf8, encodeUtf8 } from '../json/utf8.ts';
import type { Datatype, FixedArray } from '../tensors/datatype.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';

const runtimeTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, RuntimeTensor.Type>;

const datatypes = Object.fromEntries(
  Object.entries(runtimeTypes).map(([datatype, type]) => [type, datatype]),
) as Partial<Record<RuntimeTensor.Type, Datatype>>;

/** The runtime's own tensor over the same memory. `field` is the tensor's, for what the runtime cannot take. */
export function toRuntime(tensor: Tensor, field: string): RuntimeTensor {
  if (tensor.datatype === 'BYTES')
    return new RuntimeTensor('string', stringsOf(tensor.data, field), tensor.shape);
  if (tensor.datatype === 'FP16') return halves(tensor.data, tensor.shape);
  return new RuntimeTensor(
    runtimeTypes[tensor.datatype],
    tensor.data as Float32Array,
    tensor.shape,
  );
}

export function fromRuntime(name: string, tensor: RuntimeTensor): Tensor {
  const datatype = datatypes[tensor.type];
  if (!datatype) throw invalid(`model.outputs.${name}`, `must have a datatype that can be served`);
  if (datatype === 'BYTES') {
    const data = (tensor.data as string[]).map((text) => encodeUtf8(text) ?? Buffer.from(text));
    return aTensorOf(name, datatype, [...tensor.dims], data);
  }
  const data = tensor.data as FixedArray;
  const held =
    datatype === 'FP16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
  return aTensorOf(name, datatype, [...tensor.dims], held);
}

/** The binding takes strings up to their first U+0000, so one that holds it is refused rather than cut. */
function stringsOf(elements: readonly Uint8Array[], field: string): string[] {
  return elements.map((bytes, index) => {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw invalid(`${field}.data[${index}]`, 'must be UTF-8');
    if (text.includes('\0'))
      throw invalid(`${field}.data[${index}]`, 'must not hold the character U+0000');
    return text;
  });
}

/**
 * Halves as bare bits. The tensor class turns them into a Float16Array where the language has one (Node 24 on), but the
 * binding of Node 26 knows only Uint16Array: so `data` is what was given, whatever the class has made of it.
 */
function halves(bits: Uint16Array, shape: readonly number[]): RuntimeTensor {
  const tensor = new RuntimeTensor('float16', bits, shape);
  return Object.defineProperty(tensor, 'data', { value: bits });
}
