import { invalid } from '@flywheel/core';
import type { RequestedOutput } from '../oip/parse-infer-request.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { ModelSignature, TensorSpec } from './model-signature.ts';

/** Refuses, with the field's path, a request that the model does not take: names, datatypes, ranks, dimensions. */
export function checkRequest(
  request: {
    readonly inputs: readonly Tensor[];
    readonly outputs?: readonly Pick<RequestedOutput, 'name' | 'parameters'>[] | undefined;
  },
  signature: ModelSignature,
): void {
  request.inputs.forEach((tensor, index) => {
    const spec = signature.inputs.find(({ name }) => name === tensor.name);
    if (!spec)
      throw invalid(`inputs[${index}].name`, `must be one of ${namesOf(signature.inputs)}`);
    checkTensor(tensor, spec, `inputs[${index}]`);
  });
  for (const { name } of signature.inputs)
    if (!request.inputs.some((tensor) => tensor.name === name))
      throw invalid('inputs', `must hold ${JSON.stringify(name)}`);
  request.outputs?.forEach((output, index) => {
    if (!signature.outputs.some(({ name }) => name === output.name))
      throw invalid(`outputs[${index}].name`, `must be one of ${namesOf(signature.outputs)}`);
    if ('classification' in output.parameters)
      throw invalid(`outputs[${index}].parameters.classification`, 'is not offered');
  });
}

function checkTensor(tensor: Tensor, spec: TensorSpec, field: string): void {
  if (tensor.datatype !== spec.datatype)
    throw invalid(`${field}.datatype`, `must be ${spec.datatype}, not ${tensor.datatype}`);
  if (spec.anyRank) return;
  if (tensor.shape.length !== spec.shape.length)
    throw invalid(
      `${field}.shape`,
      `must have ${spec.shape.length} dimensions as ${JSON.stringify(spec.shape)} has`,
    );
  spec.shape.forEach((dimension, axis) => {
    if (dimension >= 0 && tensor.shape[axis] !== dimension)
      throw invalid(
        `${field}.shape[${axis}]`,
        `must be ${dimension}, not ${String(tensor.shape[axis])}`,
      );
  });
}

function namesOf(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => JSON.stringify(name)).join(', ');
}
