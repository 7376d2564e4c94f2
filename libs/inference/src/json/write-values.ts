import { assertNever, invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import { decodeUtf8 } from './utf8.ts';

/** What JSON, which cannot say NaN or Infinity, shall hold in their place. */
export type NonFinite = 'refuse' | 'null';

/** The tensor's elements as JSON texts, row-major; `field` is the tensor's, for what cannot be said in JSON. */
export function jsonElements(
  tensor: Tensor,
  field: string,
  nonFinite: NonFinite,
): readonly string[] {
  switch (tensor.datatype) {
    case 'FP32':
    case 'FP64':
      return Array.from(tensor.data, (value, index) => {
        if (value - value === 0) return floatText(value);
        if (nonFinite === 'null') return 'null';
        throw nonFiniteError(tensor, field, index);
      });
    case 'BOOL':
      return Array.from(tensor.data, (value) => (value === 0 ? 'false' : 'true'));
    case 'BYTES':
      return tensor.data.map((bytes, index) => {
        const text = decodeUtf8(bytes);
        if (text === undefined)
          throw invalid(`${field}.data[${index}]`, 'is not UTF-8: ask for it as binary data', {
            name: tensor.name,
          });
        return JSON.stringify(text);
      });
    case 'FP16':
      throw invalid(field, 'FP16 travels as binary only: ask for it as binary data', {
        name: tensor.name,
      });
    case 'INT64':
    case 'UINT64':
      return Array.from(tensor.data, (value) => value.toString());
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return Array.from(tensor.data, (value) => `${value}`);
    default:
      return assertNever(tensor);
  }
}

/** The same elements joined by commas. Short FP32 tensors, the usual answer of a model, take a path of their own. */
export function jsonElementList(tensor: Tensor, field: string, nonFinite: NonFinite): string {
  if (tensor.datatype !== 'FP32' || tensor.data.length > 64)
    return jsonElements(tensor, field, nonFinite).join(',');
  const { data } = tensor;
  let text = '';
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index] as number;
    if (index > 0) text += ',';
    if (value - value === 0) text += floatText(value);
    else if (nonFinite === 'null') text += 'null';
    else throw nonFiniteError(tensor, field, index);
  }
  return text;
}

export function parametersText(parameters: Parameters): string {
  const members = Object.entries(parameters).map(([key, value]) => {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw invalid(`parameters.${key}`, 'must be a finite number');
    const text = typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
    return `${JSON.stringify(key)}:${text}`;
  });
  return `{${members.join(',')}}`;
}

/** `-0.0` rather than `-0`, which readers that tell integers apart would read as 0. */
function floatText(value: number): string {
  if (value === 0 && 1 / value < 0) return '-0.0';
  return `${value}`;
}

function nonFiniteError(tensor: Tensor, field: string, index: number): AppError {
  const { name } = tensor;
  const rule = `${JSON.stringify(name)} is not finite here, which JSON cannot say: ask for it as binary data`;
  return invalid(`${field}.data[${index}]`, rule, { name });
}
