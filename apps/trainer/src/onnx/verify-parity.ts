import type { TrainedModel } from '../algorithms/model.ts';
import { scoreModel } from '../algorithms/score-model.ts';
import { rowAt, type TrainingTable } from '../algorithms/training-table.ts';

/** What a runtime answers for one row. */
export type OnnxAnswer = { readonly label: number; readonly probabilities: ArrayLike<number> };

/** Runs the exported model on one row of features, as a batch of one. */
export type RunOnnx = (features: Float32Array) => Promise<OnnxAnswer>;

export type ParityReport = {
  readonly rows: number;
  /** Rows of which a probability's bits or the label differ. */
  readonly differing: number;
  readonly maxDifference: number;
  readonly firstDiffering?: {
    readonly row: number;
    readonly expected: readonly number[];
    readonly actual: readonly number[];
  };
};

/**
 * Compares the in-process scorer with a runtime, bit by bit, row by row. Built-in models must give 0 differing rows.
 */
export async function verifyParity(request: {
  readonly model: TrainedModel;
  readonly rows: Iterable<Float32Array>;
  readonly runOnnx: RunOnnx;
  readonly signal?: AbortSignal;
}): Promise<ParityReport> {
  let rows = 0;
  let differing = 0;
  let maxDifference = 0;
  let firstDiffering: ParityReport['firstDiffering'];
  for (const features of request.rows) {
    request.signal?.throwIfAborted();
    const expected = scoreModel(request.model, features);
    const answer = await request.runOnnx(features);
    const actual = Array.from(answer.probabilities);
    if (answer.label !== expected.label || !sameBits(expected.probabilities, actual)) {
      differing++;
      maxDifference = Math.max(maxDifference, largestGap(expected.probabilities, actual));
      firstDiffering ??= { row: rows, expected: expected.probabilities, actual };
    }
    rows++;
  }
  return { rows, differing, maxDifference, ...(firstDiffering && { firstDiffering }) };
}

/** Up to `count` rows of a table, evenly spread. */
export function* spreadRows(table: TrainingTable, count: number): Generator<Float32Array> {
  const size = Math.min(count, table.rowCount);
  for (let index = 0; index < size; index++)
    yield rowAt(table, Math.floor((index * table.rowCount) / size));
}

function sameBits(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((value, i) => Object.is(value, right[i]));
}

function largestGap(left: readonly number[], right: readonly number[]): number {
  return left.reduce((most, value, i) => Math.max(most, Math.abs(value - (right[i] ?? NaN))), 0);
}
