import { invalid } from '@flywheel/core';
import { newArray } from '../tensors/datatype.ts';
import type { FixedArray } from '../tensors/datatype.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';

/** How many rows a batch has: the first dimension, the same for every input. */
export function rowCount(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 1;
  inputs.forEach((tensor, index) => {
    if (tensor.shape[0] !== rows)
      throw invalid(
        `inputs[${index}].shape[0]`,
        `must be ${rows}, as many rows as the others have`,
      );
  });
  return rows;
}

/** One row of a batch, over the same memory, as a batch of one. */
export function sliceRow(tensor: Tensor, row: number): Tensor {
  const [rows = 1, ...rest] = tensor.shape;
  const size = tensor.data.length / rows;
  const [start, end] = [row * size, (row + 1) * size];
  const data =
    tensor.datatype === 'BYTES' ? tensor.data.slice(start, end) : tensor.data.subarray(start, end);
  return aTensorOf(tensor.name, tensor.datatype, [1, ...rest], data);
}

/** Puts the answers of single rows together again, in their order. */
export function joinRows(answers: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first = []] = answers;
  return first.map((tensor, output) => {
    const parts = answers.map((answer) => answer[output] as Tensor);
    if (parts.some(({ shape }) => shape[0] !== 1 || String(shape) !== String(tensor.shape)))
      throw invalid(
        `model.outputs.${tensor.name}`,
        'must hold one entry per row to run row by row',
      );
    const shape = [parts.length, ...tensor.shape.slice(1)];
    return aTensorOf(tensor.name, tensor.datatype, shape, joinData(tensor, parts));
  });
}

function joinData(first: Tensor, parts: readonly Tensor[]): Tensor['data'] {
  if (first.datatype === 'BYTES')
    return parts.flatMap((part) => part.data as readonly Uint8Array[]);
  const size = first.data.length;
  const joined = newArray(first.datatype, size * parts.length);
  parts.forEach((part, index) => {
    (joined as Float32Array).set(part.data as FixedArray as Float32Array, index * size);
  });
  return joined;
}
