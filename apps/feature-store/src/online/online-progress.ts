import { featureStore } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ResolvedView } from '../definitions/resolved-service.ts';
import type { FeatureStoreMetrics } from '../metrics.ts';
import type { OnlineRow } from './online-rows.ts';
import type { Unusable } from './view-rows.ts';

/** How far the online store is, told as an event and in figures. */
export class OnlineProgress {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #metrics: FeatureStoreMetrics;
  #knownAtMs: number | undefined;

  constructor(options: { bus: Pick<Bus, 'publish'>; metrics: FeatureStoreMetrics }) {
    this.#bus = options.bus;
    this.#metrics = options.metrics;
  }

  /** Greatest known_at that was applied since the start. */
  get knownAtMs(): number | undefined {
    return this.#knownAtMs;
  }

  async applied(
    { view }: ResolvedView,
    rows: readonly OnlineRow[],
    entities: number,
    cause: 'materialisation' | 'stream',
  ): Promise<void> {
    let knownAtMs = Number.NEGATIVE_INFINITY;
    for (const { row } of rows) knownAtMs = Math.max(knownAtMs, row.knownMs);
    await this.appliedCounts(view.name, { rows: rows.length, entities, knownAtMs }, cause);
  }

  async appliedCounts(
    view: string,
    counts: { rows: number; entities: number; knownAtMs: number },
    cause: 'materialisation' | 'stream',
  ): Promise<void> {
    this.#metrics.rows.add(counts.rows, { view, cause });
    this.#knownAtMs = Math.max(this.#knownAtMs ?? Number.NEGATIVE_INFINITY, counts.knownAtMs);
    await this.#bus.publish(featureStore.featuresUpdated, { view, ...counts, cause });
  }

  skipped(view: string, reason: Unusable): void {
    this.#metrics.skipped.add(1, { view, reason });
  }
}
