import { invalid } from '@flywheel/core';
import { applyBins, placeTableBins, type BinnedTable } from './binned-table.ts';
import { checkBoostingParams, type BoostingParams } from './boosting-params.ts';
import { drawUnit, drawWord, randomKey } from './counter-random.ts';
import { log } from './deterministic-math.ts';
import { EarlyStopping } from './early-stopping.ts';
import { MISSING_BIN } from './feature-bins.ts';
import { LogLossGradients } from './gradients.ts';
import { TreeGrower } from './grow-tree.ts';
import { areaUnderCurve, meanLogLoss } from './metrics.ts';
import type { GradientBoostingModel } from './model.ts';
import type { NodeSums } from './histogram.ts';
import {
  checkBothClasses,
  checkSameFeatures,
  checkTable,
  emptyFeatures,
  labelWeights,
  type TrainingTable,
} from './training-table.ts';
import type { TrainingHooks, TrainingProgress } from './training-progress.ts';
import { isOrderFree, joinTrees, type Tree } from './tree-ensemble.ts';
import { TreeMemory, type TreeMemorySize } from './tree-memory.ts';

/**
 * Leaf values are multiples of 2^-18 (an error of 2e-6 in log-odds at most), so that float32 sums of them below 64 are
 * exact in any order.
 */
const LEAF_STEP = 1 / 262144;

export type BoostingRequest = {
  readonly table: TrainingTable;
  readonly validation?: TrainingTable | undefined;
  readonly params?: Partial<BoostingParams>;
  readonly seed: number;
};

export type BoostingOutcome = {
  readonly model: GradientBoostingModel;
  readonly history: readonly TrainingProgress[];
  readonly warnings: readonly string[];
};

/**
 * Gradient boosting of decision trees for the binary log-loss: histograms, leaf-wise growth, missing values routed as
 * learnt. The same table, parameters and seed give the same model on every machine.
 */
export function trainGradientBoosting(
  request: BoostingRequest,
  hooks: TrainingHooks = {},
): BoostingOutcome {
  const params = checkBoostingParams(request.params ?? {});
  checkInputs(request, params);
  const boosting = new Boosting(request, params);
  const history: TrainingProgress[] = [];
  const stopping = params.earlyStopping && new EarlyStopping(stoppingRule(params.earlyStopping));
  while (boosting.round < params.trees) {
    hooks.signal?.throwIfAborted();
    if (!boosting.addTree()) break;
    const progress = boosting.measure();
    history.push(progress);
    hooks.onProgress?.(progress);
    const watched =
      params.earlyStopping?.metric === 'auc' ? progress.validAuc : progress.validLogLoss;
    if (stopping?.observe(watched ?? NaN)) break;
  }
  const model = boosting.toModel(stopping?.bestRound);
  return { model, history, warnings: warningsOf(request, params, model) };
}

function stoppingRule({ metric, patience }: NonNullable<BoostingParams['earlyStopping']>) {
  return { patience, direction: metric === 'auc' ? 'maximize' : 'minimize' } as const;
}

/** The state between two rounds. */
class Boosting {
  round = 0;
  readonly #table: TrainingTable;
  readonly #params: BoostingParams;
  readonly #seed: number;
  readonly #base: number;
  readonly #binned: BinnedTable;
  readonly #grower: TreeGrower;
  readonly #gradients: LogLossGradients;
  readonly #totalWeight: number;
  readonly #allRows: Uint32Array;
  readonly #margins: Float32Array;
  readonly #validation: Validation | undefined;
  readonly #trees: Tree[] = [];
  #loss: number;

  constructor({ table, validation, seed }: BoostingRequest, params: BoostingParams) {
    this.#table = table;
    this.#params = params;
    this.#seed = seed;
    this.#base = baseMargin(table, params);
    const memory = new TreeMemory(sizeOf(table, params));
    const bins = placeTableBins(table, params.maxBins, seed);
    this.#binned = applyBins(table, bins, memory.columns);
    memory.packRecords();
    this.#grower = new TreeGrower(memory, bins, params);
    this.#gradients = new LogLossGradients(table, memory.gradients);
    this.#totalWeight = labelWeights(table).total;
    this.#allRows = Uint32Array.from({ length: table.rowCount }, (_, row) => row);
    this.#margins = new Float32Array(table.rowCount);
    this.#validation =
      validation &&
      new Validation(validation, applyBins(validation, this.#binned.bins), this.#base);
    this.#loss = this.#gradients.update(this.#margins, this.#base);
  }

  /** Grows the next tree; false when no tree can improve the model any more. A round's sample may yield no split. */
  addTree(): boolean {
    const { rowFraction, featureFraction, learningRate, l2 } = this.#params;
    const margins = this.#margins;
    const isSampled = rowFraction < 1 || featureFraction < 1;
    const { tree, leaves } = this.#grower.grow(this.#sampleRows(), this.#sampleFeatures(), (sums) =>
      leafValue(sums, learningRate, l2),
    );
    if (leaves.length === 1 && !isSampled) return false;
    this.round++;
    if (rowFraction < 1) addLeafValues(margins, this.#binned, tree);
    else
      for (const { node, rows } of leaves) {
        const value = tree.value[node] as number;
        for (const row of rows) margins[row] = (margins[row] as number) + value;
      }
    this.#validation?.add(tree);
    this.#trees.push(tree);
    this.#loss = this.#gradients.update(this.#margins, this.#base);
    return true;
  }

  measure(): TrainingProgress {
    return {
      iteration: this.round,
      iterations: this.#params.trees,
      trainLogLoss: this.#loss / this.#totalWeight,
      ...this.#validation?.measure(),
    };
  }

  /** The model of the first `rounds` trees, or of all. */
  toModel(rounds = this.#trees.length): GradientBoostingModel {
    const trees = joinTrees(this.#trees.slice(0, rounds));
    return {
      kind: 'gradient-boosting',
      featureNames: this.#table.features.map(({ name }) => name),
      missingInTraining: this.#binned.hasMissing,
      trainingRows: this.#table.rowCount,
      base: this.#base,
      trees,
      orderFree: isOrderFree(trees, LEAF_STEP),
    };
  }

  #sampleRows(): Uint32Array {
    const { rowFraction } = this.#params;
    if (rowFraction === 1) return this.#allRows;
    const key = randomKey(this.#seed, 2, this.round);
    const limit = rowFraction * 4294967296;
    return this.#allRows.filter((row) => drawWord(key, row) < limit);
  }

  #sampleFeatures(): readonly number[] {
    const all = Array.from({ length: this.#table.features.length }, (_, feature) => feature);
    const size = Math.max(1, Math.round(this.#params.featureFraction * all.length));
    if (size === all.length) return all;
    const key = randomKey(this.#seed, 3, this.round);
    return all
      .sort((a, b) => drawUnit(key, a) - drawUnit(key, b) || a - b)
      .slice(0, size)
      .sort((a, b) => a - b);
  }
}

/** Every leaf that may still be split holds a histogram; one more is being filled. */
function sizeOf({ rowCount, features }: TrainingTable, params: BoostingParams): TreeMemorySize {
  const mostLeaves = Math.min(params.maxLeaves, Math.ceil(rowCount / params.minRowsPerLeaf));
  return { rowCount, featureCount: features.length, histograms: mostLeaves + 1 };
}

/** A validation table and its margins so far. */
class Validation {
  readonly #table: TrainingTable;
  readonly #binned: BinnedTable;
  readonly #sums: Float32Array;
  readonly #base: number;

  constructor(table: TrainingTable, binned: BinnedTable, base: number) {
    this.#table = table;
    this.#binned = binned;
    this.#base = base;
    this.#sums = new Float32Array(table.rowCount);
  }

  add(tree: Tree): void {
    addLeafValues(this.#sums, this.#binned, tree);
  }

  measure(): { readonly validLogLoss: number; readonly validAuc: number } {
    const margins = this.#sums.map((sum) => sum + this.#base);
    return {
      validLogLoss: meanLogLoss(this.#table, (row) => margins[row] as number),
      validAuc: areaUnderCurve(this.#table, margins),
    };
  }
}

/** Adds, for every row, the value of its leaf. */
function addLeafValues(sums: Float32Array, { columns }: BinnedTable, tree: Tree): void {
  const { feature, bin, left, right, missingLeft, value } = tree;
  for (let row = 0; row < sums.length; row++) {
    let node = 0;
    for (let split = feature[0] as number; split >= 0; split = feature[node] as number) {
      const rowBin = (columns[split] as Uint8Array)[row] as number;
      const goesLeft =
        rowBin === MISSING_BIN ? missingLeft[node] === 1 : rowBin <= (bin[node] as number);
      node = (goesLeft ? left[node] : right[node]) as number;
    }
    sums[row] = (sums[row] as number) + (value[node] as number);
  }
}

/** The Newton step of a leaf, shrunk and rounded to the leaf grid. */
function leafValue({ gradient, hessian }: NodeSums, learningRate: number, l2: number): number {
  const value = (-learningRate * gradient) / (hessian + l2);
  return Math.fround(Math.round(value / LEAF_STEP) * LEAF_STEP) + 0;
}

function baseMargin(table: TrainingTable, { startingProbability }: BoostingParams): number {
  if (startingProbability !== undefined)
    return Math.fround(log(startingProbability / (1 - startingProbability)));
  const { positive, total } = labelWeights(table);
  return Math.fround(log(positive / (total - positive)));
}

function checkInputs({ table, validation, seed }: BoostingRequest, params: BoostingParams): void {
  checkTable(table);
  checkBothClasses(table);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw invalid('seed', 'must be an integer of at least 0', { seed });
  if (!validation) {
    if (params.earlyStopping)
      throw invalid('validation', 'must be given when early stopping is on');
    return;
  }
  checkTable(validation, 'validation');
  checkSameFeatures(
    validation,
    table.features.map(({ name }) => name),
    'validation',
  );
  if (params.earlyStopping?.metric === 'auc') checkBothClasses(validation, 'validation');
}

/** What a person should know before trusting the model. */
function warningsOf(
  { table }: BoostingRequest,
  params: BoostingParams,
  model: GradientBoostingModel,
): string[] {
  const warnings = emptyFeatures(table).map((name) => `feature ${name} has no value in any row`);
  const hasSplit = model.trees.feature.some((feature) => feature >= 0);
  if (!hasSplit && params.trees > 0)
    warnings.push(
      table.rowCount < 2 * params.minRowsPerLeaf
        ? `0 splits: ${table.rowCount} rows, minimum leaf ${params.minRowsPerLeaf}`
        : `0 splits: no split gains more than ${params.minGain} with at least ${params.minRowsPerLeaf} rows on each side`,
    );
  return warnings;
}
