import { featureStore } from '@flywheel/contracts';
import type { Bus, Firehose } from '@flywheel/kafka';
import type { EventData } from '@flywheel/contracts';
import type { FeatureStoreMetrics } from '../metrics.ts';
import type { Unusable } from './view-rows.ts';

type Updated = EventData<typeof featureStore.featuresUpdated>;
type Cause = Updated['cause'];
export type AppliedCounts = Pick<Updated, 'rows' | 'entities' | 'knownAtMs'>;

/** Updates of a view are told together, no more often than this. */
const TELL_EVERY_MS = 1000;

/** How far the online store is, told as an event and in figures. Nobody waits for the telling. */
export class OnlineProgress implements Disposable {
  readonly #firehose: Firehose<Updated>;
  readonly #metrics: FeatureStoreMetrics;
  readonly #untold = new Map<string, Updated>();
  #timer: NodeJS.Timeout | undefined;
  #knownAtMs: number | undefined;

  constructor(options: { bus: Pick<Bus, 'firehose'>; metrics: FeatureStoreMetrics }) {
    this.#firehose = options.bus.firehose(featureStore.featuresUpdated);
    this.#metrics = options.metrics;
  }

  /** Greatest known_at that was applied since the start. */
  get knownAtMs(): number | undefined {
    return this.#knownAtMs;
  }

  applied(view: string, counts: AppliedCounts, cause: Cause): void {
    this.#metrics.rows.add(counts.rows, { view, cause });
    this.#knownAtMs = Math.max(this.#knownAtMs ?? Number.NEGATIVE_INFINITY, counts.knownAtMs);
    const key = `${view}/${cause}`;
    const untold = this.#untold.get(key);
    this.#untold.set(key, {
      view,
      cause,
      rows: counts.rows + (untold?.rows ?? 0),
      entities: counts.entities + (untold?.entities ?? 0),
      knownAtMs: Math.max(counts.knownAtMs, untold?.knownAtMs ?? counts.knownAtMs),
    });
    this.#timer ??= setTimeout(() => this.#tell(), TELL_EVERY_MS);
  }

  skipped(view: string, reason: Unusable): void {
    this.#metrics.skipped.add(1, { view, reason });
  }

  [Symbol.dispose](): void {
    this.#tell();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const updated of this.#untold.values()) this.#firehose.offer(updated);
    this.#untold.clear();
  }
}
