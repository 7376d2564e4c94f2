import { invalid } from '@flywheel/core';

/** Reads of untrusted JSON states; every mistake names its field. */
export function stateObject(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'must be an object');
  return value as Record<string, unknown>;
}

export function stateArray(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(field, 'must be an array');
  return value as unknown[];
}

export function stateNumber(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw invalid(field, 'must be a finite number');
  return value;
}

/** A count: an integer that a double holds exactly. Differences of summaries may be negative in between, so sign is free. */
export function stateCount(value: unknown, field: string): number {
  if (!Number.isSafeInteger(value)) throw invalid(field, 'must be a safe integer');
  return value as number;
}

export function stateNumbers(value: unknown, field: string): number[] {
  return stateArray(value, field).map((entry, at) => stateNumber(entry, `${field}[${at}]`));
}

export function stateCounts(value: unknown, field: string): number[] {
  return stateArray(value, field).map((entry, at) => stateCount(entry, `${field}[${at}]`));
}

export function stateText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalid(field, 'must be a string');
  return value;
}
