import type { Clock } from '@flywheel/core';
import type { OnlineStore } from '@flywheel/storage';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import { storeKey } from '../vectors/entity-key.ts';
import type { KeyParts } from '../vectors/entity-key.ts';
import { bytesOf, mergeRows, packedRows, ROW_HEAD } from '../windows/window-rows.ts';
import type { WindowRow } from '../windows/window-rows.ts';
import type { AppliedCounts } from './online-progress.ts';

const DAY_MS = 86_400_000;
/** Entities that are read, merged and written together. */
const BATCH_ENTITIES = 256;

export type OnlineRow = { readonly parts: KeyParts; readonly row: WindowRow };
type EntityRows = { view: ResolvedView; key: Uint8Array; rows: WindowRow[] };

/** The online store's side of feature views: rows go in, in any order and any number of times. */
export class OnlineRows {
  readonly #store: OnlineStore;
  readonly #clock: Clock;

  constructor(store: OnlineStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Applies rows of one or several views together; durable when it resolves. Gives what was applied, by view. */
  async apply(
    batches: readonly { view: ResolvedView; rows: readonly OnlineRow[] }[],
  ): Promise<Map<ResolvedView, AppliedCounts>> {
    const applied = new Map<ResolvedView, AppliedCounts>();
    const entities: EntityRows[] = [];
    for (const { view, rows } of batches) {
      const ofView = byEntity(view, rows);
      entities.push(...ofView);
      applied.set(view, {
        rows: rows.length,
        entities: ofView.length,
        knownAtMs: rows.reduce((latest, { row }) => Math.max(latest, row.knownMs), 0),
      });
    }
    for (let start = 0; start < entities.length; start += BATCH_ENTITIES)
      await this.#merge(entities.slice(start, start + BATCH_ENTITIES));
    return applied;
  }

  /** Streams and loads write to the same entities at the same time: what is stored is replaced, never overwritten. */
  async #merge(entities: readonly EntityRows[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#store.update(
      entities.map((entity) => entity.key),
      (stored, index) => {
        const { view, rows } = entities[index] as EntityRows;
        const columns = view.plan.columns.length;
        const keptMs = view.plan.longestMs + DAY_MS;
        return bytesOf(
          mergeRows(packedRows(stored, ROW_HEAD + columns), rows, { columns, keptMs, nowMs }),
        );
      },
    );
  }
}

function byEntity(view: ResolvedView, rows: readonly OnlineRow[]): EntityRows[] {
  const entities = new Map<string, EntityRows>();
  for (const { parts, row } of rows) {
    const key = storeKey(view, parts);
    const text = Buffer.from(key).toString('latin1');
    const entity = entities.get(text);
    if (entity) entity.rows.push(row);
    else entities.set(text, { view, key, rows: [row] });
  }
  return [...entities.values()];
}
