import { invalid } from '@flywheel/core';
import { newArray } from '../tensors/datatype.ts';
import type { Datatype } from '../tensors/datatype.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { CellValue } from './cell.ts';

const integerRanges: Readonly<Partial<Record<Datatype, readonly [bigint, bigint]>>> = {
  UINT8: [0n, 255n],
  UINT16: [0n, 65_535n],
  UINT32: [0n, 4_294_967_295n],
  UINT64: [0n, 18_446_744_073_709_551_615n],
  INT8: [-128n, 127n],
  INT16: [-32_768n, 32_767n],
  INT32: [-2_147_483_648n, 2_147_483_647n],
  INT64: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
};

/** A tensor's data from checked values: range and kind are those of the datatype. `fieldOf` tells where a value stood. */
export function fillData(
  datatype: Datatype,
  values: readonly CellValue[],
  fieldOf: (index: number) => string,
): Tensor['data'] {
  if (datatype === 'BYTES')
    return values.map((value, index) => {
      if (value instanceof Uint8Array) return value;
      throw invalid(fieldOf(index), 'must be a string');
    });
  if (datatype === 'FP16') throw invalid(fieldOf(0), 'FP16 travels as binary only');
  const data = newArray(datatype, values.length);
  const range = integerRanges[datatype];
  values.forEach((value, index) => {
    if (value instanceof Uint8Array) throw invalid(fieldOf(index), 'must be a number');
    if (range) setInteger(data as BigInt64Array, index, integerOf(value, range, fieldOf(index)));
    else setNumber(data as Float32Array, index, Number(value), fieldOf);
  });
  return data;
}

function integerOf(
  value: number | bigint,
  [lowest, highest]: readonly [bigint, bigint],
  field: string,
): bigint {
  const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value);
  const integer = isInteger ? BigInt(value) : undefined;
  if (integer === undefined || integer < lowest || integer > highest)
    throw invalid(field, `must be an integer from ${lowest.toString()} to ${highest.toString()}`);
  return integer;
}

function setInteger(
  data: BigInt64Array | BigUint64Array | Int32Array,
  index: number,
  value: bigint,
): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = value;
  else data[index] = Number(value);
}

function setNumber(
  data: Float32Array | Float64Array | Uint8Array,
  index: number,
  value: number,
  fieldOf: (index: number) => string,
): void {
  data[index] = value;
  if (Number.isFinite(value) && !Number.isFinite(data[index]))
    throw invalid(fieldOf(index), 'must be within the range of FP32');
}
