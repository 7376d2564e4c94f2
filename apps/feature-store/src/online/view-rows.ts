import type { Scalar } from '@flywheel/contracts';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import { instantMs } from '../vectors/instants.ts';
import { numberOf } from '../vectors/numbers.ts';
import { rowId } from '../windows/window-rows.ts';
import type { OnlineRow } from './online-rows.ts';

/** Why a record gives no row. */
export type Unusable = 'no-entity' | 'no-event-time' | 'no-known-time';

/** A record as a row of a view: its entity, both times, and the view's columns as numbers. */
export function rowOf(
  { entity, plan }: ResolvedView,
  source: { eventTime: string; knownAt: string },
  record: Readonly<Record<string, unknown>>,
  identity: { id: string; revision: number },
): OnlineRow | Unusable {
  const parts = entity.keys.map((key) => record[key]);
  if (
    !parts.every((part): part is NonNullable<Scalar> =>
      ['string', 'number', 'boolean', 'bigint'].includes(typeof part),
    )
  )
    return 'no-entity';
  const eventMs = instantMs(record[source.eventTime]);
  if (Number.isNaN(eventMs)) return 'no-event-time';
  const knownMs = instantMs(record[source.knownAt]);
  if (Number.isNaN(knownMs)) return 'no-known-time';
  return {
    parts: parts.map(String),
    row: {
      id: rowId(identity.id),
      revision: identity.revision,
      eventMs,
      knownMs,
      values: plan.columns.map((column) => numberOf(record[column])),
    },
  };
}
