import {
  type DuckDBValue,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
} from '@duckdb/node-api';
import { invalid } from '@flywheel/core';
import type { AnalyticsValue } from './analytics.ts';

/** Decimals up to this many digits are exact as numbers. */
const exactDigits = 15;

export function toDuckDb(value: AnalyticsValue): DuckDBValue {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid('values', 'must not hold an invalid date');
    return new DuckDBTimestampValue(BigInt(value.getTime()) * 1000n);
  }
  if (value instanceof Uint8Array) return new DuckDBBlobValue(value);
  if (isList(value)) return new DuckDBListValue(value.map(toDuckDb));
  return value;
}

/** A value of DuckDB in plain JavaScript, as `Analytics` promises it. */
export function fromDuckDb(value: DuckDBValue): unknown {
  if (typeof value === 'bigint') return exactInteger(value);
  if (typeof value !== 'object' || value === null) return value;
  const milliseconds = timestampMs(value);
  if (milliseconds !== undefined) return milliseconds;
  if (value instanceof DuckDBDecimalValue)
    return value.width <= exactDigits ? Number(value.toString()) : value.toString();
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map((item) => fromDuckDb(item));
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(
      Object.entries(value.entries).map(([name, entry]) => [name, fromDuckDb(entry)]),
    );
  if (value instanceof DuckDBMapValue)
    return value.entries.map((entry) => [fromDuckDb(entry.key), fromDuckDb(entry.value)]);
  if (value instanceof DuckDBUnionValue) return fromDuckDb(value.value);
  return String(value);
}

/** Milliseconds of any timestamp; undefined for other values. */
export function timestampMs(value: object): number | undefined {
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return finiteMs(value.micros, 1000);
  if (value instanceof DuckDBTimestampMillisecondsValue) return finiteMs(value.millis, 1);
  if (value instanceof DuckDBTimestampSecondsValue) return finiteMs(value.seconds, 0.001);
  if (value instanceof DuckDBTimestampNanosecondsValue) return finiteMs(value.nanos, 1e6);
  return undefined;
}

function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const infinite = 2n ** 63n - 1n;

function finiteMs(count: bigint, perMs: number): number {
  if (count >= infinite) return Number.POSITIVE_INFINITY;
  if (count <= -infinite) return Number.NEGATIVE_INFINITY;
  return Number(count) / perMs;
}

function isList(value: AnalyticsValue): value is readonly AnalyticsValue[] {
  return Array.isArray(value);
}
