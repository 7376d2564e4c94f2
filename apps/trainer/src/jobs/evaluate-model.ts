import type { trainer } from '@flywheel/contracts';
import { brierOf, logLossOf, rocAuc } from '@flywheel/stats';
import type { z } from 'zod';
import type { TrainedModel } from '../algorithms/model.ts';
import { scoreTable } from '../algorithms/score-model.ts';
import type { TrainingTable } from '../algorithms/training-table.ts';

export type Evaluation = z.output<typeof trainer.evaluation>;

/** Quality of a model on rows it was not trained on, with the interval of its AUC (DeLong, 95 %). */
export function evaluateModel(model: TrainedModel, table: TrainingTable): Evaluation {
  const scores = scoreTable(model, table);
  const labels = Array.from(table.label, (label) => (label === 1 ? 1 : 0));
  const auc = rocAuc(scores, labels);
  let logLoss = 0;
  let brier = 0;
  for (const [row, label] of labels.entries()) {
    logLoss += logLossOf(scores[row] as number, label === 1);
    brier += brierOf(scores[row] as number, label === 1);
  }
  const isMeasured = auc.kind === 'value';
  return {
    rows: table.rowCount,
    auc: isMeasured ? auc.value : 0.5,
    aucInterval: isMeasured ? [auc.low, auc.high] : [0, 1],
    logLoss: logLoss / table.rowCount,
    brier: brier / table.rowCount,
  };
}
