import { invalid } from '@flywheel/core';
import type { featureStore, Scalar } from '@flywheel/contracts';
import { ownColumn } from './entity-key.ts';
import { instantMs } from './instants.ts';
import { numberOf } from './numbers.ts';

const DAY_MS = 86_400_000;
/** 1 January 1970 was a Thursday: 3 when Monday is 0. */
const EPOCH_WEEKDAY = 3;

/** A feature computed from the request itself; NaN when its column is null. */
export function onDemandValue(
  feature: featureStore.OnDemandFeature,
  columns: Readonly<Record<string, Scalar>>,
  path: string,
): number {
  const value = ownColumn(columns, feature.from);
  if (value === undefined)
    throw invalid(`${path}.${feature.from}`, `is required by feature ${feature.feature}`);
  if (value === null) return Number.NaN;
  if (feature.transform === 'value') {
    const number = numberOf(value);
    if (Number.isNaN(number)) throw invalid(`${path}.${feature.from}`, 'must be a number');
    return number;
  }
  const atMs = instantMs(value);
  if (Number.isNaN(atMs))
    throw invalid(`${path}.${feature.from}`, 'must be an instant such as 2001-05-01T06:00:00Z');
  const days = Math.floor(atMs / DAY_MS);
  if (feature.transform === 'hour') return Math.floor((atMs - days * DAY_MS) / 3_600_000);
  return (((days + EPOCH_WEEKDAY) % 7) + 7) % 7;
}
