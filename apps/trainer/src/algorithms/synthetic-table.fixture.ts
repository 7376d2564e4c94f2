import { toTrainingTable, type TrainingTable } from './training-table.ts';

/** The mulberry32 generator, so that golden values can be recomputed in any language. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

/** Hastie, Tibshirani and Friedman, 10.2: ten standard normals, class 1 if their squares sum to more than 9.34. */
export function hastieTable(rowCount: number, seed = 2): TrainingTable {
  const uniform = mulberry32(seed);
  const rows = Array.from({ length: rowCount }, () =>
    Array.from({ length: 10 }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      return Math.fround(radius * Math.cos(2 * Math.PI * uniform()));
    }),
  );
  return tableOf(
    rows,
    rows.map((row) => (row.reduce((sum, x) => sum + x * x, 0) > 9.34 ? 1 : 0)),
  );
}

/**
 * Only uniforms and plain arithmetic: three features matter, two do not, and a share of cells is missing. Equal on
 * every machine.
 */
export function uniformTable(rowCount: number, missing = 0, seed = 7): TrainingTable {
  const uniform = mulberry32(seed);
  const labels: number[] = [];
  const rows = Array.from({ length: rowCount }, () => {
    const row = Array.from({ length: 5 }, () => uniform() * 4 - 2);
    const [a, b, c] = row as [number, number, number];
    labels.push(a * b + c + uniform() - 0.5 > 0 ? 1 : 0);
    return row.map((x) => (uniform() < missing ? NaN : x));
  });
  return tableOf(rows, labels);
}

export function tableOf(
  rows: readonly (readonly number[])[],
  label: readonly number[],
  weight?: readonly number[],
): TrainingTable {
  const names = (rows[0] ?? []).map((_, index) => `x${index}`);
  return toTrainingTable({
    features: names.map((name, index) => ({ name, values: rows.map((row) => row[index] ?? NaN) })),
    label,
    ...(weight && { weight }),
  });
}

/** Part of a table's rows. */
export function sliceTable(table: TrainingTable, start: number, end: number): TrainingTable {
  return {
    rowCount: end - start,
    features: table.features.map(({ name, values }) => ({
      name,
      values: values.slice(start, end),
    })),
    label: table.label.slice(start, end),
    ...(table.weight && { weight: table.weight.slice(start, end) }),
  };
}
