import { invalid } from '@flywheel/core';
import { jsonElementList, parametersText } from '../json/write-values.ts';
import type { NonFinite } from '../json/write-values.ts';
import { elementCount } from '../tensors/tensor.ts';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import { encodeBinary } from './binary-data.ts';

/** What goes out: the JSON, and the raw tensors that follow it in the order of the JSON. */
export type EncodedBody = {
  /** Text when all is JSON, bytes when a tensor is binary. */
  readonly body: string | Uint8Array;
  /** The header Inference-Header-Content-Length; present when any tensor is binary. */
  readonly headerLength?: number;
};

export type TensorWriting = { readonly nonFinite: NonFinite; readonly binary: Uint8Array[] };

/** The JSON object of one tensor; its bytes go to `writing.binary` when it is to be binary. */
export function tensorText(
  tensor: Tensor,
  field: string,
  isBinary: boolean,
  writing: TensorWriting,
): string {
  const { name, datatype, shape, data } = tensor;
  if (data.length !== elementCount(shape))
    throw invalid(`${field}.data`, `must hold ${elementCount(shape)} elements`, { name });
  const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
  if (!isBinary) {
    const elements = jsonElementList(tensor, field, writing.nonFinite);
    return `${head}${parametersMember(tensor.parameters)},"data":[${elements}]}`;
  }
  const bytes = encodeBinary(tensor);
  writing.binary.push(bytes);
  const parameters = { ...tensor.parameters, binary_data_size: bytes.byteLength };
  return `${head}${parametersMember(parameters)}}`;
}

export function parametersMember(parameters: Parameters | undefined): string {
  if (!parameters || Object.keys(parameters).length === 0) return '';
  return `,"parameters":${parametersText(parameters)}`;
}

export function joinBody(json: string, binary: readonly Uint8Array[]): EncodedBody {
  if (binary.length === 0) return { body: json };
  const header = Buffer.from(json, 'utf8');
  return { body: Buffer.concat([header, ...binary]), headerLength: header.byteLength };
}
