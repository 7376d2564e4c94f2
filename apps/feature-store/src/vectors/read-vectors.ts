import { invalid } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { Scalar } from '@flywheel/contracts';
import { onlineStoreLimits } from '@flywheel/storage';
import type { OnlineStore } from '@flywheel/storage';
import type { ResolvedService, ResolvedView } from '../definitions/resolved-service.ts';
import { aggregateRows, newestKnownMs } from '../windows/aggregate-rows.ts';
import { packedRows, ROW_HEAD } from '../windows/window-rows.ts';
import type { PackedRows } from '../windows/window-rows.ts';
import { keyParts, ownColumn, storeKey } from './entity-key.ts';
import type { KeyParts } from './entity-key.ts';
import { instantMs } from './instants.ts';
import { onDemandValue } from './on-demand.ts';

export type VectorRow = {
  readonly entities: Readonly<Record<string, Scalar>>;
  readonly request: Readonly<Record<string, Scalar>>;
  readonly asOfMs?: number | undefined;
};

export type Vector = {
  asOfMs: number;
  values: (number | null)[];
  /** By view: when the newest row that was known by then happened; undefined where there is none. */
  newestMs: (number | undefined)[];
};

const NO_ROWS: PackedRows = new Float64Array(0);

/** One vector per row, as known at the row's prediction time. All entities are read in one go, each once. */
export async function readVectors(
  { store, clock }: { store: OnlineStore; clock: Clock },
  service: ResolvedService,
  rows: readonly VectorRow[],
): Promise<Vector[]> {
  const keys: Uint8Array[] = [];
  const placeOf = new Map<string, number>();
  const placed = (key: Uint8Array): number => {
    const text = Buffer.from(key).toString('latin1');
    const known = placeOf.get(text);
    if (known !== undefined) return known;
    const place = keys.push(key) - 1;
    placeOf.set(text, place);
    return place;
  };
  const places = rows.map((row, index) => {
    const given = { ...row.request, ...row.entities };
    const asOfMs = predictionTimeMs(service, row, given, `rows[${index}]`, clock);
    const keyed = service.views.map((view) => {
      const parts = keyParts(view.entity, given, `rows[${index}].entities`);
      return parts ? placed(fittingKey(view, parts, `rows[${index}].entities`)) : undefined;
    });
    const onDemand = service.service.onDemand.map((feature) =>
      onDemandValue(feature, given, `rows[${index}].request`),
    );
    return { asOfMs, keyed, onDemand };
  });
  const stored = await store.getMany(keys);

  return places.map(({ asOfMs, keyed, onDemand }) => {
    const values: (number | null)[] = [];
    const newestMs: (number | undefined)[] = [];
    for (const [index, { plan }] of service.views.entries()) {
      const place = keyed[index];
      const bytes = place === undefined ? undefined : stored[place];
      const packed = bytes ? packedRows(bytes, ROW_HEAD + plan.columns.length) : NO_ROWS;
      newestMs.push(newestKnownMs(packed, plan, asOfMs));
      for (const value of aggregateRows(packed, plan, asOfMs)) values.push(nullable(value));
    }
    for (const value of onDemand) values.push(nullable(value));
    return { asOfMs, values, newestMs };
  });
}

function fittingKey(view: ResolvedView, parts: KeyParts, path: string): Uint8Array {
  const key = storeKey(view, parts);
  const { keyBytes } = onlineStoreLimits;
  if (key.length <= keyBytes) return key;
  const longest = parts.reduce((left, right) => (right.length > left.length ? right : left));
  throw invalid(
    `${path}.${view.entity.keys[parts.indexOf(longest)] ?? view.entity.name}`,
    `must be shorter: the keys of a view take at most ${keyBytes} bytes`,
  );
}

function nullable(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function predictionTimeMs(
  { service }: ResolvedService,
  row: VectorRow,
  given: Readonly<Record<string, Scalar>>,
  path: string,
  clock: Clock,
): number {
  if (row.asOfMs !== undefined) return row.asOfMs;
  if (!service.predictionTime) return clock.nowMs();
  const { column, offsetMs } = service.predictionTime;
  const value = ownColumn(given, column);
  if (value === undefined)
    throw invalid(`${path}.request.${column}`, 'is required: it tells the prediction time');
  const atMs = instantMs(value);
  if (Number.isNaN(atMs))
    throw invalid(`${path}.request.${column}`, 'must be an instant such as 2001-05-01T06:00:00Z');
  return atMs + offsetMs;
}
