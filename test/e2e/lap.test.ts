import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { silentLogger } from '@flywheel/core';
import { registry, router, topics, trainer } from '@flywheel/contracts';
import type { LapReport } from '@flywheel/contracts';
import {
  FlightData,
  LapClient,
  createProgress,
  openPlatform,
  runLap,
  waitUntil,
} from '@flywheel/flywheel/testing';
import type { LapPlatform } from '@flywheel/flywheel/testing';
import { createHttpClient } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';

const kind = process.env['FLYWHEEL_E2E'] === 'distributed' ? 'distributed' : 'embedded';
const ROWS = 300_000;
const HOUR_MS = 3_600_000;

const folder = temporaryFolder();
let platform: LapPlatform;
let client: LapClient;
let http: ReturnType<typeof createHttpClient>;
let report: LapReport;
let ingestedBefore: number;
let predictions: Map<string, router.Prediction>;
let featureNames: readonly string[];

beforeAll(async () => {
  platform = await openPlatform({
    environment: {
      ...process.env,
      FLYWHEEL_DATA: folder.path,
      ...(kind === 'embedded'
        ? { FLYWHEEL_HTTP_PORT: '0', FLYWHEEL_KAFKA_PORT: '0', FLYWHEEL_SQL_PORT: '0' }
        : {}),
    },
    kind,
    fresh: false,
    report: () => undefined,
  });
  http = createHttpClient({ log: silentLogger });
  client = new LapClient(platform, http);
  ingestedBefore = await ingestedRecords(platform);
  report = await runLap({
    platform,
    rows: ROWS,
    progress: createProgress({ output: process.stderr, live: false }),
  });
  ({ predictions, featureNames } = await readPredictions(
    platform,
    String(step('stage')['endpoint']),
  ));
});

afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const step = (name: string) => report.steps.find((one) => one.name === name)?.facts ?? {};

describe(`one lap on the ${kind} platform`, () => {
  it('completes every step', () => {
    expect(report.steps.filter((one) => !one.ok)).toEqual([]);
    expect(report.steps.length).toBeGreaterThanOrEqual(11);
    expect(report.ok).toBe(true);
  });

  it('hands every row over: ingested, in the lake, joined, asked, answered, joined with its outcome', async () => {
    await using flights = await FlightData.open(ROWS, folder.path);
    const [history, april, may, june] = await Promise.all(
      (['history', 'april', 'may', 'june'] as const).map((month) => flights.count(month)),
    );

    expect(step('ingest')['records']).toBe(history! + april!);
    expect(predictions.size).toBe(may! + june!);
    expect(step('watch')['rows']).toBe(june!);
    expect(step('features')['differentValues']).toBe(0);
  });

  it('has every acknowledged event in the log', () => {
    expect(report.dropped).toBe(0);
    expect(report.events[topics.ingestRecords.name]! - ingestedBefore).toBe(
      step('ingest')['records'],
    );
  });

  it('closes the books of its shadows', () => {
    const books = report.shadows!;
    const sum = (counts: Record<string, number>) =>
      Object.values(counts).reduce((total, count) => total + count, 0);

    expect(books.eligible).toBe(books.sampled + books.unsampled);
    expect(books.sampled).toBe(books.sent + sum(books.shed));
    expect(books.sent).toBe(books.answered + sum(books.failed));
    expect(books.answered).toBeGreaterThan(1000);
  });

  it('fails no request, neither while serving nor while the deployment changes', () => {
    expect(report.serving).toMatchObject({ failed: 0, retried: 0 });
    expect(report.promotion).toMatchObject({ failedRequests: 0 });
    expect(
      [...predictions.values()].filter((prediction) => prediction.status !== 'answered'),
    ).toEqual([]);
  });

  it('promotes the model that is better on June, which no training saw', () => {
    expect(report.promotion?.promoted).toBe(true);
    expect(report.models!.champion.logLoss).toBeLessThan(report.models!.candidate.logLoss);
    expect(report.models!.champion.auc).toBeGreaterThan(report.models!.candidate.auc);
  });

  it('lets no feature see an outcome before it was known', async () => {
    await using flights = await FlightData.open(ROWS, folder.path);
    const rows: {
      dateMs: number;
      knownAtMs: number;
      delay: number;
      origin: string;
      destination: string;
    }[] = [];
    for (const month of ['history', 'april', 'may', 'june'] as const)
      for await (const flight of flights.replay(month, 'date')) rows.push(flight);
    const sampled = [...predictions.values()].filter(
      (_, index) => index % Math.ceil(predictions.size / 100) === 0,
    );

    for (const prediction of sampled)
      expect(windowsOf(prediction)).toEqual(bruteForce(rows, prediction));
    expect(sampled.length).toBeGreaterThan(50);
  });

  it('gives the same bytes again for the same run key', async () => {
    const { jobs } = await client.call(trainer.listJobs, { query: { state: 'succeeded' } });
    const released = jobs.find((job) => job.spec?.algorithm === 'gradient-boosting' && job.result)!;

    const submitted = await client.call(trainer.submitJob, {
      body: {
        name: 'again',
        experiment: 'again',
        spec: released.spec!,
        release: released.release,
        rebuild: true,
      },
    });
    const again = await waitUntil(
      'the second run',
      () => client.call(trainer.getJob, { params: { job: submitted.id }, query: { waitMs: 5000 } }),
      (job) => !['queued', 'running'].includes(job.state),
      { withinMs: 600_000 },
    );

    expect(again).toMatchObject({
      state: 'succeeded',
      runKey: released.runKey,
      result: { cached: false, onnxSha256: released.result!.onnxSha256 },
    });
    expect(again.id).not.toBe(released.id);
  });

  it('keeps in the registry what was in production when', async () => {
    const endpoint = String(step('stage')['endpoint']);
    const { deployments } = await client.call(registry.listDeployments, { params: { endpoint } });
    const champions = deployments
      .toReversed()
      .map(
        (deployment) => deployment.variants.find((variant) => variant.role === 'champion')?.version,
      );

    expect(champions).toEqual([
      report.models!.candidate.version,
      report.models!.candidate.version,
      report.models!.champion.version,
    ]);
  });
});

/** Real servers may hold laps already. */
async function ingestedRecords({ brokers }: LapPlatform): Promise<number> {
  await using bus = await openBus({ brokers, service: 'e2e', log: silentLogger });
  const ends = await bus.endOffsets(topics.ingestRecords.name);
  return Number([...ends.values()].reduce((sum, end) => sum + end, 0n));
}

async function readPredictions(
  { brokers }: LapPlatform,
  endpoint: string,
): Promise<{
  predictions: Map<string, router.Prediction>;
  featureNames: readonly string[];
}> {
  await using bus = await openBus({ brokers, service: 'e2e', log: silentLogger });
  const found = new Map<string, router.Prediction>();
  let names: readonly string[] = [];
  await bus.readToEnd(topics.inferencePredictions.name, (records) => {
    for (const record of records) {
      const batch = router.predictionsLogged.data.parse(
        JSON.parse(Buffer.from(record.value).toString()),
      );
      if (batch.endpoint !== endpoint) continue;
      if (batch.features.length > 0) names = batch.features;
      for (const prediction of batch.predictions) found.set(prediction.id, prediction);
    }
  });
  return { predictions: found, featureNames: names };
}

const windows = [
  ['3h', 3 * HOUR_MS],
  ['24h', 24 * HOUR_MS],
  ['7d', 168 * HOUR_MS],
] as const;

/** The window features of a logged vector, by name. */
function windowsOf(prediction: router.Prediction): Record<string, number | null> {
  return Object.fromEntries(
    featureNames.flatMap((name, index) =>
      name.includes('__')
        ? [
            [
              name.replace(/_history(_\d+)?__/, '_history__'),
              rounded(prediction.vector[index] ?? null),
            ],
          ]
        : [],
    ),
  );
}

/** The same from the raw file, by the definition. */
function bruteForce(
  flights: readonly {
    dateMs: number;
    knownAtMs: number;
    delay: number;
    origin: string;
    destination: string;
  }[],
  prediction: router.Prediction,
): Record<string, number | null> {
  const { origin, destination } = { ...prediction.entities, ...prediction.requestFeatures };
  const known = flights.filter(
    (flight) =>
      flight.dateMs <= prediction.atMs &&
      flight.knownAtMs <= prediction.atMs &&
      flight.origin === origin,
  );
  const values: Record<string, number | null> = {};
  for (const [view, rows] of [
    ['origin_history', known],
    ['route_history', known.filter((flight) => flight.destination === destination)],
  ] as const)
    for (const [window, windowMs] of windows) {
      const held = rows.filter((flight) => flight.dateMs > prediction.atMs - windowMs);
      const share = (count: number) => (held.length === 0 ? null : count / held.length);
      values[`${view}__flights_${window}`] = held.length;
      values[`${view}__mean_delay_${window}`] = rounded(
        share(held.reduce((sum, flight) => sum + flight.delay, 0)),
      );
      values[`${view}__late_share_${window}`] = rounded(
        share(held.filter((flight) => flight.delay > 15).length),
      );
    }
  return values;
}

/** As the model sees it. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.fround(value);
}
