import { AppError, invalid } from '@flywheel/core';
import type { trainer } from '@flywheel/contracts';
import { completeParams } from '../algorithms/train.ts';

/** Refuses parameters that the algorithm would refuse; `fieldOf` says where the caller wrote the parameter. */
export function checkParams(
  algorithm: trainer.TrainingSpec['algorithm'],
  params: Readonly<Record<string, number>>,
  fieldOf: (name: string) => string,
): void {
  try {
    completeParams(algorithm, params);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'invalid_argument')) throw error;
    const { field, rule, ...details } = error.details ?? {};
    throw invalid(fieldOf(String(field).replace(/^params\./, '')), String(rule), details);
  }
}

export function checkSplit(
  { validFrom, testFrom }: trainer.TrainingSpec['split'],
  field: string,
): void {
  if (testFrom !== undefined && Date.parse(testFrom) <= Date.parse(validFrom))
    throw invalid(`${field}.testFrom`, 'must be later than validFrom');
}
