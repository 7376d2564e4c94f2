import { onlineStoreLimits } from '@flywheel/storage';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import { storeKey } from '../vectors/entity-key.ts';
import type { KeyParts } from '../vectors/entity-key.ts';
import { instantMs } from '../vectors/instants.ts';
import { numberOf } from '../vectors/numbers.ts';
import { rowId } from '../windows/window-rows.ts';
import type { OnlineRow } from './online-rows.ts';

/** Why a record gives no row. */
export type Unusable = 'no-entity' | 'key-too-long' | 'no-event-time' | 'no-known-time';

/** A record as a row of a view: its entity, both times, and the view's columns as numbers. */
export function rowOf(
  view: ResolvedView,
  source: { eventTime: string; knownAt: string },
  record: Readonly<Record<string, unknown>>,
  identity: { id: string; revision: number },
): OnlineRow | Unusable {
  const given = view.entity.keys.map((key) => record[key]);
  if (!given.every(isKeyPart)) return 'no-entity';
  const parts = given.map(String);
  if (!isKeyThatFits(view, parts)) return 'key-too-long';
  const eventMs = instantMs(record[source.eventTime]);
  if (Number.isNaN(eventMs)) return 'no-event-time';
  const knownMs = instantMs(record[source.knownAt]);
  if (Number.isNaN(knownMs)) return 'no-known-time';
  return {
    parts,
    row: {
      id: rowId(identity.id),
      revision: identity.revision,
      eventMs,
      knownMs,
      values: view.plan.columns.map((column) => numberOf(record[column])),
    },
  };
}

function isKeyPart(value: unknown): value is string | number | boolean | bigint {
  return ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
}

/** The bytes are counted only where they may be too many: a character takes three at most. */
function isKeyThatFits(view: ResolvedView, parts: KeyParts): boolean {
  const characters = parts.reduce((sum, part) => sum + part.length, 0);
  return characters < 250 || storeKey(view, parts).length <= onlineStoreLimits.keyBytes;
}
