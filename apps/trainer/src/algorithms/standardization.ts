import { invalid } from '@flywheel/core';
import type { TrainingTable } from './training-table.ts';

/** Per feature the mean of its present values and the standard deviation after missing ones became the mean. */
export type Standardization = {
  readonly mean: Float64Array;
  /** Population standard deviation; 0 for a constant or empty feature. */
  readonly deviation: Float64Array;
  readonly hasMissing: readonly boolean[];
};

/** Weighted moments in float64. Refuses infinite values, naming the feature: they have no mean. */
export function standardize(table: TrainingTable): Standardization {
  const moments = table.features.map(({ name, values }) => momentsOf(name, values, table.weight));
  return {
    mean: Float64Array.from(moments, ({ mean }) => mean),
    deviation: Float64Array.from(moments, ({ deviation }) => deviation),
    hasMissing: moments.map(({ hasMissing }) => hasMissing),
  };
}

function momentsOf(
  name: string,
  values: Float32Array,
  weight: Float32Array | undefined,
): { readonly mean: number; readonly deviation: number; readonly hasMissing: boolean } {
  const origin = values.find((value) => !Number.isNaN(value)) ?? 0;
  let present = 0;
  let total = 0;
  let sum = 0;
  let hasMissing = false;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    const rowWeight = weight ? (weight[row] as number) : 1;
    total += rowWeight;
    if (Number.isNaN(value)) hasMissing = true;
    else if (!Number.isFinite(value))
      throw invalid(`table.features.${name}`, 'must be finite', { row });
    else {
      present += rowWeight;
      sum += rowWeight * (value - origin);
    }
  }
  const mean = present > 0 ? origin + sum / present : 0;
  let squares = 0;
  for (let row = 0; row < values.length; row++) {
    const difference = (values[row] as number) - mean;
    if (!Number.isNaN(difference))
      squares += (weight ? (weight[row] as number) : 1) * difference * difference;
  }
  return { mean, deviation: Math.sqrt(squares / total), hasMissing };
}
