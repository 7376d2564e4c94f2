import { sqlName } from '@flywheel/storage';
import type { WindowPlan } from './window-plan.ts';

/**
 * The same values offline, for many moments at once. A row enters every window at max(event, known) and leaves it at
 * event + window; with the moments that are asked for sorted in between, running sums over these changes are the
 * windows' contents: one sort, no join. At equal times changes come before the question, so that a row counts at its
 * own moment and no longer at event + window.
 *
 * `rows`: a relation (key, event_ms, known_ms, and the plan's columns as double); `spine`: (row_id, key, at_ms). Gives
 * (row_id, and the outputs by name).
 */
export function windowSql(plan: WindowPlan, relations: { rows: string; spine: string }): string {
  const cells = cellsOf(plan);
  const windows = plan.windowsMs.map((_, window) => window);
  const changes = [
    `select key, greatest(event_ms, known_ms) as t, 0 as kind, null::bigint as row_id, ${cells
      .map(
        (cell) =>
          `case when greatest(event_ms, known_ms) < event_ms + ${lengthOf(plan, cell)} then ${cell.value} else 0 end as ${cell.name}`,
      )
      .join(', ')} from ${relations.rows}`,
    ...windows.map(
      (window) =>
        `select key, event_ms + ${plan.windowsMs[window] ?? 0} as t, 0 as kind, null::bigint as row_id, ${cells
          .map((cell) => `${cell.window === window ? `-(${cell.value})` : '0'} as ${cell.name}`)
          .join(
            ', ',
          )} from ${relations.rows} where greatest(event_ms, known_ms) < event_ms + ${plan.windowsMs[window] ?? 0}`,
    ),
    `select key, at_ms as t, 1 as kind, row_id, ${cells.map((cell) => `0 as ${cell.name}`).join(', ')} from ${relations.spine}`,
  ];
  const running = cells
    .map((cell) => `sum(${cell.name}::double) over so_far as ${cell.name}`)
    .join(', ');
  const outputs = plan.outputs
    .map((output) => `${outputSql(output)} as ${sqlName(output.name)}`)
    .join(', ');
  return `
    with changes as (${changes.join(' union all ')}),
    running as (
      select row_id, ${running} from changes
      window so_far as (partition by key order by t, kind rows between unbounded preceding and current row))
    select row_id, ${outputs} from running where row_id is not null`;
}

type Cell = { name: string; window: number; value: string };

function cellsOf(plan: WindowPlan): Cell[] {
  return plan.windowsMs.flatMap((_, window) => [
    { name: `n_${window}`, window, value: '1' },
    ...plan.columns.flatMap((column, index) => [
      { name: `c_${index}_${window}`, window, value: `(${sqlName(column)} is not null)::int` },
      { name: `s_${index}_${window}`, window, value: `coalesce(${sqlName(column)}, 0)` },
    ]),
    ...plan.shares.map((share, index) => ({
      name: `a_${index}_${window}`,
      window,
      value: `coalesce((${sqlName(plan.columns[share.column] ?? '')} > ${share.above})::int, 0)`,
    })),
  ]);
}

function lengthOf(plan: WindowPlan, cell: Cell): number {
  return plan.windowsMs[cell.window] ?? 0;
}

function outputSql(output: WindowPlan['outputs'][number]): string {
  const { window } = output;
  switch (output.fn) {
    case 'count':
      return `n_${window}`;
    case 'mean':
      return `case when c_${output.column}_${window} > 0 then s_${output.column}_${window} / c_${output.column}_${window} end`;
    case 'share':
      return `case when c_${output.column}_${window} > 0 then a_${output.share}_${window} / c_${output.column}_${window} end`;
  }
}
