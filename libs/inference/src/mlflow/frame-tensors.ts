import { invalid } from '@flywheel/core';
import type { ModelSignature, TensorSpec } from '../signature/model-signature.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import { cellValue, columnTypeOf } from './cell.ts';
import type { CellValue } from './cell.ts';
import { fillData } from './fill-tensor.ts';
import type { Frame } from './frame.ts';
import type { MlflowColumn } from './mlflow-signature.ts';

/** A column the model wants, and where the frame has it; −1 when it may be missing and is. */
type Source = { readonly name: string; readonly type: string; readonly at: number };

/**
 * The tensors that a data frame means to the model. One input takes the columns side by side, in the signature's order;
 * several inputs take the column of their name each. Extra columns are dropped; a missing one is refused.
 */
export function tensorsOfFrame(
  frame: Frame,
  signature: ModelSignature,
  options: {
    readonly columns: readonly MlflowColumn[] | undefined;
    readonly maxElements: number;
  },
): readonly Tensor[] {
  const { columns, maxElements } = options;
  const [first] = signature.inputs;
  const wanted = columns?.length ?? Math.max(frame.width, signature.inputs.length);
  if (frame.rows * wanted > maxElements)
    throw invalid('body', `must not mean more than ${maxElements} values`);
  const isTable =
    signature.inputs.length === 1 && first && (first.anyRank ?? first.shape.length === 2);
  if (isTable) return [tableTensor(frame, first, columns)];
  return signature.inputs.map((spec, position) => {
    const column = columns?.find(({ name }) => name === spec.name) ?? ownColumn(spec);
    return columnsTensor(frame, spec, [sourceOf(frame, column, position)]);
  });
}

function ownColumn({ name, datatype }: TensorSpec): MlflowColumn {
  return { name, type: columnTypeOf(datatype), required: true };
}

function tableTensor(
  frame: Frame,
  spec: TensorSpec,
  columns: readonly MlflowColumn[] | undefined,
): Tensor {
  const type = columnTypeOf(spec.datatype);
  const sources = columns
    ? columns.map((column, position) => sourceOf(frame, column, position))
    : Array.from({ length: frame.width }, (_, at) => ({ name: String(at), type, at }));
  return columnsTensor(frame, spec, sources);
}

/** By name where both sides have names, else by position. */
function sourceOf(frame: Frame, column: MlflowColumn, position: number): Source {
  const { name = String(position), type, required } = column;
  const byName = column.name !== undefined && frame.columns;
  const at = byName ? byName.indexOf(name) : position;
  if (at >= 0 && at < frame.width) return { name, type, at };
  if (required) throw invalid('body', `must hold the column ${JSON.stringify(name)}`);
  return { name, type, at: -1 };
}

/** The columns side by side: `[rows, columns]`, or `[rows]` where the model wants a vector. */
function columnsTensor(frame: Frame, spec: TensorSpec, sources: readonly Source[]): Tensor {
  const values: CellValue[] = [];
  for (let row = 0; row < frame.rows; row += 1)
    for (const { name, type, at } of sources) {
      const field = at < 0 ? `body.${name}` : frame.field(row, at);
      const cell = at < 0 ? undefined : frame.cell(row, at);
      values.push(cellValue(cell, type, { field, isText: frame.isText && cell !== undefined }));
    }
  const fieldOf = (index: number) =>
    frame.field(Math.floor(index / sources.length), sources[index % sources.length]?.at ?? 0);
  const isVector = !spec.anyRank && spec.shape.length < 2;
  const shape = isVector ? [frame.rows] : [frame.rows, sources.length];
  return aTensorOf(spec.name, spec.datatype, shape, fillData(spec.datatype, values, fieldOf));
}
