import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { featureStore, ingestion, monitor, router, topics } from '@flywheel/contracts';
import type { EventData } from '@flywheel/contracts';
import {
  FlightData,
  LapClient,
  buildFeatures,
  checkRegistration,
  chooseNames,
  ingestHistory,
  stage,
  trainRelease,
  waitForRevision,
  waitUntil,
} from '@flywheel/flywheel/testing';
import type { Flight, LapNames, LapPlatform } from '@flywheel/flywheel/testing';
import { createHttpClient } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';
import { openAnalytics, openFileObjectStore } from '@flywheel/storage';
import { openEmbedded } from './open-embedded.ts';
import { Traffic } from './traffic.ts';
import { windowFeatures } from './window-features.ts';

const ROWS = 20_000;
const KILL_AFTER = 400;
const END_AFTER = 600;
const SETTLE = { withinMs: 300_000 };

const folder = temporaryFolder();
const data = join(folder.path, 'data');
const http = createHttpClient({ log: silentLogger });
let platform: LapPlatform;
let client: LapClient;
let flights: FlightData;
let names: LapNames;
let traffic: Traffic;
let shadow: string;
let answeredBefore: ReadonlySet<string>;

async function open(): Promise<void> {
  platform = await openEmbedded(data);
  client = new LapClient(platform, http);
}

beforeAll(async () => {
  flights = await FlightData.open(ROWS, folder.path);
  await open();
  names = await chooseNames(client);
  await bringIntoService();
  traffic = new Traffic(names.endpoint, await all(flights.replay('may', 'date')));

  await traffic.run(platform, KILL_AFTER, () => platform.kill!('group'));
  answeredBefore = new Set(traffic.answered.keys());
  await open();
  await waitForRevision(client, names.endpoint, 1);
  await traffic.run(platform, END_AFTER);
  await traffic.reportTheRest(platform);
  await settle();
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await flights[Symbol.asyncDispose]();
  await http[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** The lap's own steps from raw flights to an endpoint with a champion and a shadow. */
async function bringIntoService(): Promise<void> {
  const progress = { update: () => undefined };
  const base = { client, names, flights, folder: folder.path };
  const { records } = await ingestHistory(base, progress);
  const { trainingSet } = await buildFeatures({ ...base, records }, progress);
  const trained = await trainRelease({ ...base, trainingSet, best: {} }, progress);
  const versions = await checkRegistration({ ...base, ...trained });
  await stage({ ...base, trainingSet, ...versions });
  shadow = `${versions.candidate.model}-${versions.candidate.version}`;
}

/** Waits until everything that follows from the traffic has happened. */
async function settle(): Promise<void> {
  const { endpoint } = names;
  await waitUntil(
    'the log and the shadows',
    () => client.call(router.getEndpointStatus, { params: { endpoint } }),
    ({ log, shadowLag }) => log.pending === 0 && shadowLag === 0,
    SETTLE,
  );
  const isAtEnd = ({ position, end }: { position: string; end: string }) =>
    BigInt(position) >= BigInt(end);
  await waitUntil(
    'the monitor',
    () => client.call(monitor.getJoinStatus, { params: { endpoint }, query: {} }),
    ({ streams }) => streams.every(isAtEnd),
    { ...SETTLE, everyMs: 200 },
  );
  await waitUntil(
    'the online store',
    () => client.call(featureStore.getStreams, { query: { waitMs: 5000 } }),
    ({ streams }) => streams.every(isAtEnd),
    SETTLE,
  );
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function readAll<Data>(topic: string): Promise<Data[]> {
  await using bus = await openBus({
    ...{ brokers: platform.brokers, service: 'e2e', log: silentLogger },
  });
  const found: Data[] = [];
  await bus.readToEnd(topic, (records) => {
    for (const { value } of records) found.push(JSON.parse(Buffer.from(value).toString()) as Data); // checked by its producer
  });
  return found;
}

const predictionsLogged = async () =>
  (
    await readAll<EventData<typeof router.predictionsLogged>>(topics.inferencePredictions.name)
  ).flatMap((batch) => batch.predictions.map(({ id }) => id));

/** The predictions of every row of a dataset in the lake. */
async function predictionsInLake(dataset: string): Promise<string[]> {
  const { files } = await client.call(
    ingestion.createSnapshot,
    { params: { dataset } },
    { timeoutMs: 300_000 },
  );
  const objects = await openFileObjectStore({ folder: join(data, 'objects') });
  const paths = await Promise.all(files.map(({ objectKey }) => objects.localFile(objectKey)));
  await using analytics = await openAnalytics({
    temporaryFolder: join(folder.path, 'duckdb'),
    allowedFolders: [data],
  });
  const rows = await analytics.rows<{ prediction: string }>(
    `select prediction from read_parquet([${paths.map((path) => `'${path}'`).join(', ')}], union_by_name = true)`,
  );
  return rows.map(({ prediction }) => prediction);
}

const sorted = (ids: Iterable<string>) => [...ids].sort();

describe('SIGKILL of the all-in-one and its servers in the middle of serving', () => {
  it('loses no answered prediction and logs none twice', async () => {
    const logged = await predictionsLogged();

    expect(answeredBefore.size).toBeGreaterThanOrEqual(KILL_AFTER);
    expect(traffic.answered.size).toBeGreaterThan(answeredBefore.size);
    expect(new Set(logged).size).toBe(logged.length);
    expect([...traffic.answered.keys()].filter((id) => !logged.includes(id))).toEqual([]);
    expect(logged.length - traffic.answered.size).toBeLessThanOrEqual(traffic.callers);
  });

  it('joins every acknowledged feedback exactly once', async () => {
    const logged = await predictionsLogged();
    const reported = (await readAll<router.Feedback>(topics.inferenceFeedback.name)).map(
      ({ prediction }) => prediction,
    );
    const joined = (
      await readAll<EventData<typeof monitor.outcomesJoined>>(topics.inferenceOutcomes.name)
    ).flatMap(({ outcomes }) => outcomes.map(({ prediction }) => prediction));

    expect(sorted(traffic.acknowledged)).toEqual(sorted(traffic.answered.keys()));
    expect(sorted(new Set(reported))).toEqual(sorted(traffic.acknowledged));
    expect(sorted(new Set(joined))).toEqual(sorted(traffic.acknowledged));
    const counts = await client.call(monitor.getJoinStatus, {
      params: { endpoint: names.endpoint },
      query: {},
    });
    expect(counts).toMatchObject({
      predictions: logged.length,
      labelled: traffic.acknowledged.size,
      pending: logged.length - traffic.acknowledged.size,
      early: 0,
      duplicates: reported.length - traffic.acknowledged.size,
      shadows: { [shadow]: logged.length },
    });
  });

  it('closes the books of the shadow', async () => {
    const logged = await predictionsLogged();
    const shadowed = (
      await readAll<EventData<typeof router.shadowPredictionsLogged>>(topics.inferenceShadows.name)
    ).flatMap((batch) => batch.predictions.map(({ prediction }) => prediction));
    const { shadows } = await client.call(router.getEndpointStatus, {
      params: { endpoint: names.endpoint },
    });

    expect(sorted(new Set(shadowed))).toEqual(sorted(logged));
    expect(shadows[shadow]).toEqual({
      ...{ eligible: logged.length, sampled: logged.length, unsampled: 0, sent: logged.length },
      ...{ answered: logged.length, shed: {}, failed: {} },
    });
  });

  it('has each prediction and each outcome once in the lake', async () => {
    const logged = await predictionsLogged();

    expect(sorted(await predictionsInLake(`${names.endpoint}.predictions`))).toEqual(
      sorted(logged),
    );
    expect(sorted(await predictionsInLake(`${names.endpoint}.outcomes`))).toEqual(
      sorted(traffic.acknowledged),
    );
  });

  it('leaves online what the definition says, over history and outcomes', async () => {
    const known: Flight[] = [
      ...(await all(flights.replay('history', 'date'))),
      ...(await all(flights.replay('april', 'date'))),
      ...traffic.answered.values(),
    ];
    const timeMs = Math.max(...[...traffic.answered.values()].map(({ knownAtMs }) => knownAtMs));
    const routes = [...traffic.answered.values()].filter((_, index) => index % 100 === 0);

    const { features, vectors } = await client.call(featureStore.readVectors, {
      body: {
        service: names.featureService,
        rows: routes.map(({ origin, destination, dateMs, distance }) => ({
          entities: { origin, route: `${origin}-${destination}` },
          request: { date: new Date(dateMs).toISOString(), distance },
          asOfMs: timeMs,
        })),
      },
    });

    for (const [index, { origin, destination }] of routes.entries()) {
      const values = features.map(
        (name, at) => [name, vectors[index]!.values[at] ?? null] as const,
      );
      const online = values.filter(([name]) => name.includes('__'));
      expect(
        Object.fromEntries(
          online.map(([name, value]) => [name, value === null ? null : Math.fround(value)]),
        ),
      ).toEqual(windowFeatures(known, { origin, destination, timeMs }));
    }
    expect(routes.length).toBeGreaterThan(4);
  });
});
