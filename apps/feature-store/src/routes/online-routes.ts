import { featureStore, ingestion, topics } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { OnlineStore } from '@flywheel/storage';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import type { FeatureStoreMetrics } from '../metrics.ts';
import { materialise } from '../online/materialise.ts';
import type { OnlineProgress } from '../online/online-progress.ts';
import type { OnlineRows } from '../online/online-rows.ts';
import { viewColumns } from '../snapshots/snapshot-columns.ts';
import { readVectors } from '../vectors/read-vectors.ts';

type Context = Pick<
  ServiceContext<unknown>,
  'http' | 'peers' | 'publicObjects' | 'bus' | 'clock' | 'openAnalytics'
>;

const streamed = [topics.ingestRecords.name, topics.inferenceOutcomes.name];

/** Reads at prediction time, loads from a snapshot, and how far the streams are. */
export function onlineRoutes(
  context: Context,
  parts: {
    definitions: DefinitionStore;
    store: OnlineStore;
    online: OnlineRows;
    progress: OnlineProgress;
    metrics: FeatureStoreMetrics;
  },
): void {
  const { http, peers, publicObjects, bus, clock } = context;
  const { definitions, store, online, progress, metrics } = parts;

  http.operation(featureStore.readVectors, async ({ body }) => {
    const service = definitions.service(body.service);
    const vectors = await readVectors({ store, clock }, service, body.rows);
    metrics.vectors.add(vectors.length, { service: body.service });
    const answers = vectors.map(({ newestMs, ...vector }) => ({
      ...vector,
      unknown: service.views
        .filter((_, index) => newestMs[index] === undefined)
        .map(({ view }) => view.name),
    }));
    for (const { unknown } of answers) for (const view of unknown) metrics.unknown.add(1, { view });
    return { features: [...service.features], vectors: answers };
  });

  http.operation(featureStore.materialiseViews, async ({ body }) => {
    const startedMs = performance.now();
    const views = body.views.map((name, index) =>
      definitions.view(name, `views[${index}]`, 'invalid_argument'),
    );
    const snapshot = await peers.call(ingestion.getSnapshot, {
      params: { snapshot: body.snapshot },
    });
    for (const [index, view] of views.entries()) viewColumns(view, snapshot, `views[${index}]`); // all or none
    const files = await Promise.all(
      snapshot.files.map((file) => publicObjects.localFile(file.objectKey)),
    );
    await using analytics = await context.openAnalytics();
    let rows = 0;
    let entities = 0;
    for (const [index, view] of views.entries()) {
      const loaded = await materialise(
        { analytics, online, skipped: (reason) => progress.skipped(view.view.name, reason) },
        view,
        { ...snapshot, files },
        { asOfMs: Date.parse(body.asOf), field: `views[${index}]` },
      );
      progress.applied(view.view.name, loaded, 'materialisation');
      rows += loaded.rows;
      entities += loaded.entities;
    }
    return { rows, entities, seconds: (performance.now() - startedMs) / 1000 };
  });

  http.operation(featureStore.getStreams, async ({ query }) => {
    const ends = await Promise.all(
      streamed.map(async (topic) => [topic, await bus.endOffsets(topic)] as const),
    );
    const stand = () => {
      const positions = new Map(
        bus.positions().map((one) => [`${one.topic}/${one.partition}`, one.position]),
      );
      return ends.flatMap(([topic, partitions]) =>
        [...partitions].map(([partition, end]) => ({
          topic,
          partition,
          position: positions.get(`${topic}/${partition}`) ?? 0n,
          end,
        })),
      );
    };
    const isThere = () => stand().every(({ position, end }) => position >= end);
    const deadlineMs = performance.now() + query.waitMs;
    while (!isThere() && performance.now() < deadlineMs)
      await bus.moved(deadlineMs - performance.now());
    return {
      streams: stand().map(({ position, end, ...place }) => ({
        ...place,
        position: String(position),
        end: String(end),
      })),
      knownAtMs: progress.knownAtMs ?? null,
    };
  });
}
