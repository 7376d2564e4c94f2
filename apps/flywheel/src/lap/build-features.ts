import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { featureStore, ingestion } from '@flywheel/contracts';
import { openAnalytics } from '@flywheel/storage';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

/** Training rows start when the longest window is full; everything is known by the end of April, or does not take part. */
export const trainingFrom = '2001-01-08T00:00:00.000Z';
export const validFrom = '2001-04-01T00:00:00.000Z';
export const historyEnd = '2001-05-01T00:00:00.000Z';
/** The last flights of April land in May; reads never see them before. */
const allKnownBy = '2001-05-04T00:00:00.000Z';
/** Rows of the training set whose online values are compared: the newest, which the online store still holds whole. */
const compareFrom = '2001-04-30T12:00:00.000Z';
const COMPARED_ROWS = 200;

const windows = ['3h', '24h', '7d'];
const aggregations = [
  { feature: 'flights', fn: 'count' as const },
  { feature: 'mean_delay', fn: 'mean' as const, column: 'delay' },
  { feature: 'late_share', fn: 'share' as const, column: 'delay', above: 15 },
];

/** Step 2: definitions, a point-in-time training set from a pinned snapshot, the same definitions online, both equal. */
export async function buildFeatures(
  {
    client,
    names,
    folder,
    records,
  }: { client: LapClient; names: LapNames; folder: string; records: number },
  progress: StepProgress,
): Promise<{ facts: Facts; trainingSet: featureStore.TrainingSet; snapshot: ingestion.Snapshot }> {
  await define(client, names);
  const snapshot = await client.call(
    ingestion.createSnapshot,
    { params: { dataset: names.dataset } },
    { timeoutMs: 600_000 },
  );
  ensure(
    snapshot.records === records,
    `the snapshot pins ${snapshot.records} of ${records} records`,
  );

  const started = await client.call(featureStore.createTrainingSet, {
    body: {
      name: `${names.featureService}-history`,
      service: names.featureService,
      spine: { snapshot: snapshot.id, from: trainingFrom, to: historyEnd },
      label: { column: 'delay', above: 15, knownAt: 'known_at' },
      knownBy: historyEnd,
    },
  });
  const trainingSet = await waitUntil(
    'the training set',
    () =>
      client.call(featureStore.getTrainingSet, {
        params: { id: started.id },
        query: { waitMs: 5000 },
      }),
    (set) => set.state !== 'running',
    { withinMs: 900_000 },
  );
  ensure(trainingSet.state === 'succeeded', `the training set failed: ${trainingSet.error ?? ''}`);
  const left = trainingSet.rowsLeftOut ?? { unknownLabel: 0, notKnownYet: 0, outOfRange: 0 };
  const rows = trainingSet.rows ?? 0;
  ensure(
    rows + left.unknownLabel + left.notKnownYet + left.outOfRange === records,
    `rows in ${records} are not rows out ${rows} plus rows left out ${JSON.stringify(left)}`,
  );
  progress.update(rows, records, 'rows');

  const materialised = await client.call(
    featureStore.materialiseViews,
    {
      body: { views: [names.originView, names.routeView], snapshot: snapshot.id, asOf: allKnownBy },
    },
    { timeoutMs: 600_000 },
  );
  const compared = await compareOnline(client, names, trainingSet, folder);
  ensure(
    compared.different === 0,
    `${compared.different} of ${compared.values} online values differ from the training set`,
  );
  return {
    facts: {
      rows,
      features: trainingSet.features?.length ?? 0,
      positives: trainingSet.positives ?? 0,
      onlineEntities: materialised.entities,
      comparedValues: compared.values,
      differentValues: compared.different,
    },
    trainingSet,
    snapshot,
  };
}

async function define(client: LapClient, names: LapNames): Promise<void> {
  const sources = [
    { kind: 'dataset' as const, dataset: names.dataset, eventTime: 'date', knownAt: 'known_at' },
    { kind: 'outcomes' as const, endpoint: names.endpoint, eventTime: 'date', knownAt: 'known_at' },
  ];
  const owner = 'operations';
  await client.call(featureStore.putEntity, {
    params: { name: 'origin' },
    body: { keys: ['origin'], owner },
  });
  await client.call(featureStore.putEntity, {
    params: { name: 'route' },
    body: { keys: ['origin', 'destination'], separator: '-', owner },
  });
  for (const [view, entity] of [
    [names.originView, 'origin'],
    [names.routeView, 'route'],
  ] as const)
    await client.call(featureStore.putView, {
      params: { name: view },
      body: {
        entity,
        sources,
        windows,
        aggregations,
        owner,
        description: `flights of an ${entity} as known at prediction time`,
      },
    });
  await client.call(featureStore.putService, {
    params: { name: names.featureService },
    body: {
      views: [names.originView, names.routeView],
      onDemand: [
        { feature: 'hour', from: 'date', transform: 'hour' },
        { feature: 'weekday', from: 'date', transform: 'weekday' },
        { feature: 'distance', from: 'distance', transform: 'value' },
      ],
      predictionTime: { column: 'date', offsetMs: -3_600_000 },
      owner,
    },
  });
}

/** Reads vectors online for rows of the training set, as of their prediction times, and counts values that differ. */
async function compareOnline(
  client: LapClient,
  names: LapNames,
  trainingSet: featureStore.TrainingSet,
  folder: string,
): Promise<{ values: number; different: number }> {
  const features = trainingSet.features ?? [];
  const file = join(folder, 'training-set.parquet');
  await writeFile(
    file,
    await client.download(
      `${client.urlOf('feature-store')}/api/feature-store/training-sets/${trainingSet.id}/data`,
    ),
  );
  await using analytics = await openAnalytics({
    temporaryFolder: join(folder, 'duckdb'),
    allowedFolders: [folder],
  });
  const rows = await analytics.rows<Record<string, string | number | null>>(
    `select prediction_time::double as prediction_time, origin, route, ${features.map((name) => `"${name}"::double as "${name}"`).join(', ')}
     from read_parquet('${file}') where prediction_time >= ${Date.parse(compareFrom)}
     order by md5(concat(prediction_time, route)), route limit ${COMPARED_ROWS}`,
  );
  ensure(
    rows.length > 0,
    `there are no rows to compare online with offline among ${JSON.stringify({ rows: trainingSet.rows, left: trainingSet.rowsLeftOut })}`,
  );
  const online = await client.call(featureStore.readVectors, {
    body: {
      service: names.featureService,
      rows: rows.map((row) => ({
        entities: { origin: row['origin'] ?? null, route: row['route'] ?? null },
        request: {
          date: new Date(Number(row['prediction_time']) + 3_600_000).toISOString(),
          distance: row['distance'] ?? null,
        },
        asOfMs: Number(row['prediction_time']),
      })),
    },
  });
  let different = 0;
  for (const [index, row] of rows.entries())
    for (const [position, name] of online.features.entries())
      if (!sameFloat(online.vectors[index]?.values[position] ?? null, row[name] ?? null))
        different++;
  return { values: rows.length * features.length, different };
}

/** Equal as the model sees them: the same float32, or both missing. */
function sameFloat(left: string | number | null, right: string | number | null): boolean {
  if (left === null || right === null) return left === right;
  return Object.is(Math.fround(Number(left)), Math.fround(Number(right)));
}
