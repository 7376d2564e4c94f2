import { canonicalJson, sha256 } from '@flywheel/core';
import type { trainer } from '@flywheel/contracts';
import { completeParams } from '../algorithms/train.ts';
import { PRODUCER_VERSION } from '../onnx/export-model.ts';

/** Grows when an algorithm may give other bytes for the same input. */
const ALGORITHMS_VERSION = 1;

/**
 * SHA-256 over all that determines the bytes of a result: parameters with their defaults, the rows by their digest, the
 * split, the seed, the code's commit, and what trains. Name, experiment and priority are not part of it.
 */
export function runKey(spec: trainer.TrainingSpec, rows: { sha256: string }): string {
  return sha256(
    canonicalJson({
      algorithm: spec.algorithm,
      params: completeParams(spec.algorithm, spec.params),
      rows: rows.sha256,
      split: spec.split,
      seed: spec.seed,
      commit: spec.code,
      environment: { algorithms: ALGORITHMS_VERSION, exporter: PRODUCER_VERSION },
    }),
  );
}
