import { quantile } from '@flywheel/flywheel/testing';

/** One row per name, in order of first appearance: the median of every figure, what is no figure as in the first. */
export function medians<Row extends Record<string, string | number>>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): Row[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  return [...groups.values()].map(
    (group) =>
      Object.fromEntries(
        Object.entries(group[0]!).map(([key, value]) => [
          key,
          typeof value === 'number'
            ? quantile(
                Float64Array.from(group, (row) => Number(row[key])),
                0.5,
              )
            : value,
        ]),
      ) as Row,
  );
}
