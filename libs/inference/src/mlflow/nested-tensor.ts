import { invalid } from '@flywheel/core';
import type { JsonValue } from '../json/json-scanner.ts';
import type { TensorSpec } from '../signature/model-signature.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import { cellValue, columnTypeOf } from './cell.ts';
import type { CellValue } from './cell.ts';
import { fillData } from './fill-tensor.ts';

/** Where the caller wrote what stands at these indexes. */
export type Place = (indexes: readonly number[]) => string;

/** A tensor from lists in lists: its shape is that of the lists, which must not be ragged. */
export function tensorOfNested(value: JsonValue, spec: TensorSpec, place: Place): Tensor {
  const shape = shapeOf(value);
  const values: CellValue[] = [];
  visit(value, [], { shape, type: columnTypeOf(spec.datatype), place, values });
  const fieldOf = (index: number) => place(indexesOf(index, shape));
  return aTensorOf(spec.name, spec.datatype, shape, fillData(spec.datatype, values, fieldOf));
}

type Visit = {
  readonly shape: readonly number[];
  readonly type: string;
  readonly place: Place;
  readonly values: CellValue[];
};

function visit(part: JsonValue, indexes: readonly number[], to: Visit): void {
  const length = to.shape[indexes.length];
  if (length === undefined) {
    if (Array.isArray(part)) throw invalid(to.place(indexes), 'must be one value');
    to.values.push(cellValue(part, to.type, { field: to.place(indexes), isText: false }));
  } else if (Array.isArray(part) && part.length === length)
    (part as readonly JsonValue[]).forEach((entry, index) => visit(entry, [...indexes, index], to));
  else throw invalid(to.place(indexes), `must be a list of ${length} as the first is`);
}

function shapeOf(value: JsonValue): readonly number[] {
  const shape: number[] = [];
  let part: JsonValue | undefined = value;
  while (Array.isArray(part)) {
    shape.push(part.length);
    part = (part as readonly JsonValue[])[0];
  }
  return shape;
}

function indexesOf(index: number, shape: readonly number[]): readonly number[] {
  let rest = index;
  const reversed = shape.toReversed().map((dimension) => {
    const own = rest % dimension;
    rest = Math.floor(rest / dimension);
    return own;
  });
  return reversed.toReversed();
}
