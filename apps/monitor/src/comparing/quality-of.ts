import type { monitor } from '@flywheel/contracts';
import type { ScoreLabelTable } from '@flywheel/stats';

/** Quality of labelled scores, or null while one class is all there is: undefined is not a number. */
export function qualityOf(
  table: ScoreLabelTable,
): NonNullable<monitor.Comparison['championQuality']> | null {
  const auc = table.auc();
  const logLoss = table.logLoss();
  const brier = table.brier();
  if (auc.kind !== 'value' || logLoss.kind !== 'value' || brier.kind !== 'value') return null;
  return {
    rows: table.rows,
    auc: auc.value,
    aucInterval: [auc.low, auc.high],
    logLoss: logLoss.value,
    brier: brier.value,
  };
}
