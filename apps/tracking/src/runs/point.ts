import type { Int64 } from '../wire/int64.ts';

/** One value of a metric as it was logged. Infinities have become the greatest doubles; NaN stays. */
export type Point = {
  readonly key: string;
  readonly value: number;
  readonly timestamp: Int64;
  readonly step: Int64;
};

/** A point as MLflow writes it. */
export type WirePoint = {
  readonly key: string;
  readonly value: number | 'NaN';
  readonly timestamp: Int64;
  readonly step: Int64;
};

export function toWirePoint({ key, value, timestamp, step }: Point): WirePoint {
  return { key, value: Number.isNaN(value) ? 'NaN' : value, timestamp, step };
}

/** Whether the point is the more recent one: by step, then timestamp, then value (NaN after all numbers). */
export function isLater(left: Point, right: Point): boolean {
  if (left.step !== right.step) return left.step > right.step;
  if (left.timestamp !== right.timestamp) return left.timestamp > right.timestamp;
  return Number.isNaN(left.value) ? !Number.isNaN(right.value) : left.value > right.value;
}
