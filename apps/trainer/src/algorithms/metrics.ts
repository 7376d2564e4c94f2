import { log } from './deterministic-math.ts';
import { complementOf, probabilityOf } from './logistic-link.ts';
import { labelWeights, type TrainingTable } from './training-table.ts';

type Labelled = Pick<TrainingTable, 'label' | 'weight' | 'rowCount' | 'features'>;

/** Weighted mean log-loss of margins (log-odds); lower is better. */
export function meanLogLoss(table: Labelled, marginOf: (row: number) => number): number {
  const sum = new LogLossSum();
  for (let row = 0; row < table.rowCount; row++) {
    const margin = marginOf(row);
    const probability = table.label[row] === 1 ? probabilityOf(margin) : complementOf(margin);
    sum.add(probability, table.weight ? (table.weight[row] as number) : 1);
  }
  return sum.total() / labelWeights(table).total;
}

/**
 * Sums -weight * log(probability). Probabilities of weight 1 are multiplied eight at a time before one logarithm is
 * taken: each is at least 1e-38, so a product cannot underflow.
 */
export class LogLossSum {
  #sum = 0;
  #product = 1;
  #pending = 0;

  add(probability: number, weight: number): void {
    if (weight !== 1) {
      this.#sum -= weight * log(probability);
      return;
    }
    this.#product *= probability;
    if (++this.#pending === 8) this.#flush();
  }

  total(): number {
    this.#flush();
    return this.#sum;
  }

  #flush(): void {
    if (this.#pending > 0) this.#sum -= log(this.#product);
    this.#product = 1;
    this.#pending = 0;
  }
}

/** Area under the ROC curve, ties counted half, rows weighted; NaN when only one class is present. */
export function areaUnderCurve(table: Labelled, scores: Float32Array): number {
  return table.weight ? weightedArea(table, table.weight, scores) : countedArea(table, scores);
}

/** Counts pairs (positive above negative) by merging the two sorted classes. */
function countedArea({ label }: Labelled, scores: Float32Array): number {
  const positives = scores.filter((_, row) => label[row] === 1).sort();
  const negatives = scores.filter((_, row) => label[row] !== 1).sort();
  let below = 0;
  let notAbove = 0;
  let area = 0;
  for (const score of positives) {
    while (below < negatives.length && (negatives[below] as number) < score) below++;
    while (notAbove < negatives.length && (negatives[notAbove] as number) <= score) notAbove++;
    area += (below + notAbove) / 2;
  }
  return area / (positives.length * negatives.length);
}

function weightedArea({ label }: Labelled, weights: Float32Array, scores: Float32Array): number {
  const order = Uint32Array.from(scores, (_, row) => row);
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
  let below = 0;
  let positives = 0;
  let area = 0;
  for (let start = 0; start < order.length;) {
    const score = scores[order[start] as number];
    let end = start;
    let positive = 0;
    let negative = 0;
    for (; end < order.length && scores[order[end] as number] === score; end++) {
      const row = order[end] as number;
      if (label[row] === 1) positive += weights[row] as number;
      else negative += weights[row] as number;
    }
    area += positive * (below + negative / 2);
    positives += positive;
    below += negative;
    start = end;
  }
  return area / (positives * below);
}
