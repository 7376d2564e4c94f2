import { MISSING_BIN } from './feature-bins.ts';
import { BIN_STRIDE, featureOffset, type Histogram, type NodeSums } from './histogram.ts';

export type SplitLimits = {
  readonly minRowsPerLeaf: number;
  readonly minHessianPerLeaf: number;
  readonly l2: number;
  readonly minGain: number;
};

/**
 * Rows whose bin is at most `bin` go left; the missing ones go left if `missingLeft`. `bin` may be the last value
 * bin: then all present values go left and the missing ones right, whatever values scoring will bring.
 */
export type Split = {
  readonly feature: number;
  readonly bin: number;
  readonly missingLeft: boolean;
  readonly gain: number;
  readonly left: NodeSums;
  readonly right: NodeSums;
};

/** Gains below this share of the node's own score are rounding noise of a split that changes nothing. */
const NOISE = 1e-12;

/**
 * The best split of a node over the given features, or undefined. Gain is GL^2/(HL+l2) + GR^2/(HR+l2) - G^2/(H+l2).
 * Equal gains go to the lowest feature, then the lowest bin, then to "missing right".
 */
export function findSplit(
  histogram: Histogram,
  features: readonly number[],
  valueBins: readonly number[],
  node: NodeSums,
  limits: SplitLimits,
): Split | undefined {
  const { l2 } = limits;
  const own = (node.gradient * node.gradient) / (node.hessian + l2);
  const best = { feature: -1, bin: 0, missingLeft: 0, gain: Math.max(limits.minGain, own * NOISE) };
  for (const feature of features)
    scanFeature(histogram, feature, valueBins[feature] as number, node, own, limits, best);
  if (best.feature < 0) return undefined;
  return describeSplit(histogram, best, node, valueBins[best.feature] as number);
}

type Candidate = { feature: number; bin: number; missingLeft: number; gain: number };

function scanFeature(
  histogram: Histogram,
  feature: number,
  valueBins: number,
  node: NodeSums,
  own: number,
  limits: SplitLimits,
  best: Candidate,
): void {
  const { minRowsPerLeaf, minHessianPerLeaf, l2 } = limits;
  const base = featureOffset(feature);
  const missing = base + MISSING_BIN * BIN_STRIDE;
  const missingRows = histogram[missing + 2] as number;
  const directions = missingRows > 0 ? 2 : 1;
  const lastBin = missingRows > 0 ? valueBins : valueBins - 1;
  for (let missingLeft = 0; missingLeft < directions; missingLeft++) {
    let gradient = missingLeft === 1 ? (histogram[missing] as number) : 0;
    let hessian = missingLeft === 1 ? (histogram[missing + 1] as number) : 0;
    let rows = missingLeft === 1 ? missingRows : 0;
    const end = missingLeft === 1 ? valueBins - 1 : lastBin;
    for (let bin = 0, at = base; bin < end; bin++, at += BIN_STRIDE) {
      const binRows = histogram[at + 2] as number;
      if (binRows === 0) continue;
      gradient += histogram[at] as number;
      hessian += histogram[at + 1] as number;
      rows += binRows;
      if (rows < minRowsPerLeaf || hessian < minHessianPerLeaf) continue;
      const otherHessian = node.hessian - hessian;
      if (node.rows - rows < minRowsPerLeaf || otherHessian < minHessianPerLeaf) break;
      const otherGradient = node.gradient - gradient;
      const gain =
        (gradient * gradient) / (hessian + l2) +
        (otherGradient * otherGradient) / (otherHessian + l2) -
        own;
      if (gain > best.gain || (gain === best.gain && isEarlier(best, feature, bin, missingLeft))) {
        best.feature = feature;
        best.bin = bin;
        best.missingLeft = missingLeft;
        best.gain = gain;
      }
    }
  }
}

/** Of one feature's equal gains the lowest bin wins, whichever direction was scanned first. */
function isEarlier(best: Candidate, feature: number, bin: number, missingLeft: number): boolean {
  return best.feature === feature && missingLeft > best.missingLeft && bin < best.bin;
}

function describeSplit(
  histogram: Histogram,
  best: Candidate,
  node: NodeSums,
  valueBins: number,
): Split {
  const base = featureOffset(best.feature);
  const missing = base + MISSING_BIN * BIN_STRIDE;
  let gradient = best.missingLeft === 1 ? (histogram[missing] as number) : 0;
  let hessian = best.missingLeft === 1 ? (histogram[missing + 1] as number) : 0;
  let rows = best.missingLeft === 1 ? (histogram[missing + 2] as number) : 0;
  for (let bin = 0; bin <= best.bin; bin++) {
    gradient += histogram[base + bin * BIN_STRIDE] as number;
    hessian += histogram[base + bin * BIN_STRIDE + 1] as number;
    rows += histogram[base + bin * BIN_STRIDE + 2] as number;
  }
  const left = { gradient, hessian, rows };
  const right = {
    gradient: node.gradient - gradient,
    hessian: node.hessian - hessian,
    rows: node.rows - rows,
  };
  const missingRows = histogram[missing + 2] as number;
  const isMissingAlone = best.missingLeft === 0 && missingRows > 0 && right.rows === missingRows;
  return {
    feature: best.feature,
    bin: isMissingAlone ? valueBins - 1 : best.bin,
    missingLeft: missingRows > 0 ? best.missingLeft === 1 : left.rows >= right.rows,
    gain: best.gain,
    left,
    right,
  };
}
