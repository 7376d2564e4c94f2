import type { OnlineStore } from '@flywheel/storage';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import { storeKey } from '../vectors/entity-key.ts';
import type { KeyParts } from '../vectors/entity-key.ts';
import { bytesOf, mergeRows, packedRows, ROW_HEAD } from '../windows/window-rows.ts';
import type { WindowRow } from '../windows/window-rows.ts';

const DAY_MS = 86_400_000;
/** Entities that are read, merged and written together. */
const BATCH_ENTITIES = 256;

export type OnlineRow = { readonly parts: KeyParts; readonly row: WindowRow };

/** The online store's side of feature views: rows go in, in any order and any number of times. */
export class OnlineRows {
  readonly #store: OnlineStore;

  constructor(store: OnlineStore) {
    this.#store = store;
  }

  /** Applies rows of one view; durable when it resolves. Gives the number of entities touched. */
  async apply(view: ResolvedView, rows: readonly OnlineRow[]): Promise<number> {
    const byKey = new Map<string, { key: Uint8Array; rows: WindowRow[] }>();
    for (const { parts, row } of rows) {
      const key = storeKey(view, parts);
      const text = Buffer.from(key).toString('latin1');
      const entity = byKey.get(text);
      if (entity) entity.rows.push(row);
      else byKey.set(text, { key, rows: [row] });
    }
    const entities = [...byKey.values()];
    for (let start = 0; start < entities.length; start += BATCH_ENTITIES)
      await this.#merge(view, entities.slice(start, start + BATCH_ENTITIES));
    return entities.length;
  }

  async #merge(
    { plan }: ResolvedView,
    entities: readonly { key: Uint8Array; rows: WindowRow[] }[],
  ): Promise<void> {
    const columns = plan.columns.length;
    const stored = await this.#store.getMany(entities.map((entity) => entity.key));
    await this.#store.put(
      entities.map(({ key, rows }, index) => ({
        key,
        value: bytesOf(
          mergeRows(packedRows(stored[index], ROW_HEAD + columns), rows, {
            columns,
            keptMs: plan.longestMs + DAY_MS,
          }),
        ),
      })),
    );
  }
}
