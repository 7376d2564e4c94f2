import { invalid } from '@flywheel/core';
import { jsonElements } from '../json/write-values.ts';
import type { Tensor } from '../tensors/tensor.ts';

/**
 * The reply of MLflow's scoring protocol, `{"predictions": …}`: one record per row for a frame, an object of lists by
 * output for tensors. NaN and the infinities are null, as MLflow has it.
 */
export function encodePredictions(outputs: readonly Tensor[], form: 'frame' | 'tensors'): string {
  if (form === 'tensors') {
    const members = outputs.map(
      (tensor) => `${JSON.stringify(tensor.name)}:${nestedText(elements(tensor), tensor.shape)}`,
    );
    return `{"predictions":{${members.join(',')}}}`;
  }
  const columns = outputs.map((tensor) => ({
    key: JSON.stringify(tensor.name),
    rows: rowTexts(tensor),
  }));
  const records = (columns[0]?.rows ?? []).map(
    (_, row) => `{${columns.map(({ key, rows }) => `${key}:${String(rows[row])}`).join(',')}}`,
  );
  return `{"predictions":[${records.join(',')}]}`;
}

function elements(tensor: Tensor): readonly string[] {
  return jsonElements(tensor, `predictions.${tensor.name}`, 'null');
}

/** One JSON text per row: the bare value where a row holds one. */
function rowTexts(tensor: Tensor): readonly string[] {
  const [rows, ...rest] = tensor.shape;
  if (rows === undefined)
    throw invalid(`predictions.${tensor.name}`, 'must have one entry per row to answer a frame');
  const texts = elements(tensor);
  const size = rows === 0 ? 0 : texts.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const own = texts.slice(row * size, (row + 1) * size);
    return size === 1 ? String(own[0]) : nestedText(own, rest);
  });
}

function nestedText(texts: readonly string[], shape: readonly number[]): string {
  const [length, ...rest] = shape;
  if (length === undefined) return String(texts[0]);
  const size = length === 0 ? 0 : texts.length / length;
  const parts = Array.from({ length }, (_, index) =>
    nestedText(texts.slice(index * size, (index + 1) * size), rest),
  );
  return `[${parts.join(',')}]`;
}
