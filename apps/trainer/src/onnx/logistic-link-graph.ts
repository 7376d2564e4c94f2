import {
  LINK_C1,
  LINK_C2,
  LINK_C3,
  LINK_LIMIT,
  LINK_POWERS,
  LINK_SCALE,
} from '../algorithms/logistic-link.ts';
import type { GraphBuilder } from './graph-builder.ts';

const INT64 = { int: 7 };
const FLOAT = { int: 1 };

/**
 * From a float64 margin [N, 1] to the outputs `label` and `probabilities`: the steps of `logistic-link.ts`, one node
 * each, for both classes at once.
 */
export function addLogisticLink(graph: GraphBuilder, margin: string): void {
  const scale = graph.constant('link_scale', 'double', [LINK_SCALE, -LINK_SCALE], [1, 2]);
  const lowest = graph.double('link_lowest', -LINK_LIMIT);
  const highest = graph.double('link_highest', LINK_LIMIT);
  const scaled = graph.node('link_scaled', 'Mul', [margin, scale]);
  const s = graph.node('link_s', 'Clip', [scaled, lowest, highest]);
  const k = graph.node('link_k', 'Round', [s]);
  const r = graph.node('link_r', 'Sub', [s, k]);
  const cubic = graph.node('link_cubic', 'Mul', [r, graph.double('link_c3', LINK_C3)]);
  const square = graph.node('link_square', 'Add', [cubic, graph.double('link_c2', LINK_C2)]);
  const squareR = graph.node('link_square_r', 'Mul', [square, r]);
  const linear = graph.node('link_linear', 'Add', [squareR, graph.double('link_c1', LINK_C1)]);
  const linearR = graph.node('link_linear_r', 'Mul', [linear, r]);
  const one = graph.double('link_one', 1);
  const polynomial = graph.node('link_polynomial', 'Add', [linearR, one]);
  const index = graph.node('link_index', 'Cast', [k], { to: INT64 });
  const powers = graph.constant('link_powers', 'double', LINK_POWERS, [LINK_POWERS.length]);
  const power = graph.node('link_power', 'Gather', [powers, index], { axis: { int: 0 } });
  const e = graph.node('link_e', 'Mul', [power, polynomial]);
  const divisor = graph.node('link_divisor', 'Add', [e, one]);
  const exact = graph.node('link_exact', 'Div', [one, divisor]);
  const probabilities = graph.node('probabilities', 'Cast', [exact], { to: FLOAT });
  graph.node('label', 'ArgMax', [probabilities], { axis: { int: 1 }, keepdims: { int: 0 } });
}
