/** Why a number does not exist. It is never replaced by 0, 0.5 or 1. */
export interface Undefined {
  readonly kind: 'undefined';
  readonly reason: UndefinedReason;
}

export type UndefinedReason =
  | 'no rows'
  | 'one class'
  | 'no positives'
  | 'no negatives'
  | 'no predicted positives'
  | 'no predicted negatives'
  | 'no spread'
  | 'too few rows'
  | 'undefined in a group'
  | 'fewer than two groups';

export interface Value {
  readonly kind: 'value';
  readonly value: number;
}

/** A number, or the reason why there is none. */
export type Measured = Value | Undefined;

/** A number with its standard error and two-sided interval. */
export interface Estimate extends Value {
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
}

export function undefinedBecause(reason: UndefinedReason): Undefined {
  return { kind: 'undefined', reason };
}

export function valueOf(value: number): Value {
  return { kind: 'value', value };
}

/** numerator / denominator, or the reason when there is nothing to divide by. */
export function ratio(numerator: number, denominator: number, reason: UndefinedReason): Measured {
  return denominator > 0 ? valueOf(numerator / denominator) : undefinedBecause(reason);
}
