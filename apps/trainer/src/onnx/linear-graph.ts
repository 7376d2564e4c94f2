import type { LogisticRegressionModel } from '../algorithms/model.ts';
import { TERM_LIMIT, termRounder } from '../algorithms/score-model.ts';
import type { GraphBuilder } from './graph-builder.ts';

/**
 * Adds the linear margin in float64, one node per step of the in-process scorer. A matrix product would depend on
 * the processor and the batch; a sum of terms rounded to a common grid does not.
 */
export function addLinearMargin(
  graph: GraphBuilder,
  model: LogisticRegressionModel,
  features: string,
): string {
  const row = [1, model.mean.length];
  const mean = graph.constant('mean', 'double', model.mean, row);
  const coefficient = graph.constant('coefficient', 'double', model.coefficient, row);
  const zero = graph.double('zero', 0);
  const lowest = graph.double('term_lowest', -TERM_LIMIT);
  const highest = graph.double('term_highest', TERM_LIMIT);
  const rounder = graph.double('term_rounder', termRounder(model.mean.length));
  const axes = graph.constant('term_axes', 'int64', [1], [1]);
  const x = graph.node('x', 'Cast', [features], { to: { int: 11 } });
  const centred = graph.node('centred', 'Sub', [x, mean]);
  const product = graph.node('product', 'Mul', [centred, coefficient]);
  const isMissing = graph.node('is_missing', 'IsNaN', [product]);
  const present = graph.node('present', 'Where', [isMissing, zero, product]);
  const limited = graph.node('limited', 'Clip', [present, lowest, highest]);
  const raised = graph.node('raised', 'Add', [limited, rounder]);
  const terms = graph.node('terms', 'Sub', [raised, rounder]);
  const sum = graph.node('sum', 'ReduceSum', [terms, axes], { keepdims: { int: 1 } });
  return graph.node('margin', 'Add', [sum, graph.double('intercept', model.intercept)]);
}
