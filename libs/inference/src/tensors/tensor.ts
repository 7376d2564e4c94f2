import type { DataByDatatype, Datatype } from './datatype.ts';

/** A number beyond 2^53 stays exact as a bigint. */
export type ParameterValue = string | number | boolean | bigint;

/** Has no prototype, so that any key is safe. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

export const noParameters: Parameters = Object.freeze(
  Object.create(null) as Record<string, ParameterValue>,
);

/** A named, row-major array. `D` narrows what `data` is. */
export type Tensor<D extends Datatype = Datatype> = {
  [K in D]: {
    readonly name: string;
    readonly datatype: K;
    readonly shape: readonly number[];
    readonly data: DataByDatatype[K];
    /** What the sender said about this tensor beyond its bytes; absent when nothing. */
    readonly parameters?: Parameters;
  };
}[D];

/** Puts the parts together when the datatype is known at run time only. */
export function aTensorOf(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  data: DataByDatatype[Datatype],
): Tensor {
  return { name, datatype, shape, data } as Tensor;
}

/**
 * How many elements a shape means: exact up to 2^53 − 1, else Infinity (no memory holds so many). A zero anywhere
 * makes it 0, however large the rest.
 */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const dimension of shape) {
    count *= dimension;
    if (count > Number.MAX_SAFE_INTEGER) return Infinity;
  }
  return count;
}

/** How many bytes the tensor's data hold in memory. */
export function tensorBytes(tensor: Tensor): number {
  if (tensor.datatype !== 'BYTES') return tensor.data.byteLength;
  return tensor.data.reduce((sum, element) => sum + element.byteLength, 0);
}
