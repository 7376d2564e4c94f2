import { invalid } from '@flywheel/core';
import type { ModelSignature } from '../signature/model-signature.ts';
import { elementBytes } from '../tensors/datatype.ts';
import { aTensorOf, elementCount } from '../tensors/tensor.ts';
import { decodeBinary } from './binary-data.ts';
import { headerLengthName } from './header-length.ts';
import type { InferRequest } from './parse-infer-request.ts';
import { defaultLimits } from './limits.ts';
import { checkBodySize } from './split-body.ts';
import type { BodyOptions } from './split-body.ts';

/**
 * A raw request: the body is the only input's bytes, and its one variable dimension follows from their number
 * (a BYTES body is one element). Outputs are answered in binary.
 */
export function parseRawRequest(
  body: Uint8Array,
  options: BodyOptions & { readonly signature?: ModelSignature | undefined },
): InferRequest {
  const spec = options.signature?.inputs[0];
  const limits = { ...defaultLimits, ...options.limits };
  if (!spec || options.signature.inputs.length !== 1)
    throw invalid(headerLengthName, 'must not be 0 for a model that has not exactly one input');
  if (body.byteLength === 0) throw invalid('body', 'must not be empty');
  checkBodySize(body, limits);
  if (spec.anyRank === true || spec.shape.filter((dimension) => dimension < 0).length > 1)
    throw invalid(headerLengthName, 'must not be 0 for an input with several variable dimensions');
  if (spec.datatype === 'BYTES') {
    const shape = spec.shape.map((dimension) => Math.abs(dimension));
    if (elementCount(shape) !== 1)
      throw invalid(headerLengthName, 'must not be 0 for a BYTES input of several elements');
    const data = [Uint8Array.from(body)];
    return request({ name: spec.name, datatype: 'BYTES', shape, data });
  }
  const size = elementBytes(spec.datatype);
  const fixed = elementCount(spec.shape.filter((dimension) => dimension >= 0)) * size;
  const isVariable = spec.shape.some((dimension) => dimension < 0);
  if (fixed === 0 || body.byteLength % fixed !== 0 || (!isVariable && body.byteLength !== fixed))
    throw invalid('body', `must be ${isVariable ? 'a multiple of ' : ''}${fixed} bytes`);
  const shape = spec.shape.map((dimension) =>
    dimension < 0 ? body.byteLength / fixed : dimension,
  );
  const count = body.byteLength / size;
  const data = decodeBinary(body, spec.datatype, { count, field: 'inputs[0]' });
  return request(aTensorOf(spec.name, spec.datatype, shape, data));
}

function request(tensor: InferRequest['inputs'][number]): InferRequest {
  return { parameters: {}, inputs: [tensor], binaryOutput: true };
}
