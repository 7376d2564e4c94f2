import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitor as contracts, registry, router, topics } from '@flywheel/contracts';
import type { EventData } from '@flywheel/contracts';
import { canonicalJson, sha256, silentLogger } from '@flywheel/core';
import { draws, eventually, shuffled, temporaryFolder } from '@flywheel/core/testing';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { startTestProcess } from '@flywheel/runtime/testing';
import { openAnalytics } from '@flywheel/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { aFeatureStore, trainingSetId, unfinishedId } from './fixture/feature-store.ts';
import { monitor } from './service.ts';

type Joined = z.output<typeof contracts.getJoinStatus.reply>;
type Event =
  | { kind: 'prediction'; data: router.Prediction }
  | { kind: 'shadow'; data: router.ShadowPrediction }
  | { kind: 'feedback'; data: router.Feedback };

const features = ['f1', 'f2'];
const store = aFeatureStore(features);
let running: Awaited<ReturnType<typeof startTestProcess>>;
let routerBus: Bus;
let registryBus: Bus;

const folder = temporaryFolder();
const start = () =>
  startTestProcess([store, monitor], { environment: { FLYWHEEL_DATA: folder.path } });

beforeAll(async () => {
  running = await start();
  const brokers = [running.addresses['kafka']!];
  routerBus = await openBus({ brokers, service: 'router', log: silentLogger });
  registryBus = await openBus({ brokers, service: 'registry', log: silentLogger });
  await store.write(await referenceRows(), REFERENCE_ROWS);
});
afterAll(async () => {
  await routerBus[Symbol.asyncDispose]();
  await registryBus[Symbol.asyncDispose]();
  await running[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${running.url}/api/monitor${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function deploy(endpoint: string): Promise<void> {
  const variant = (role: 'champion' | 'shadow', version: number): registry.Variant => ({
    ...{ name: `m-${version}`, role, model: 'm', version, digest: 'd'.repeat(64) },
    ...{ weight: role === 'champion' ? 1 : 0, sampleRatio: 1 },
    artifact: { objectKey: `m/${version}`, sha256: 'e'.repeat(64) },
  });
  await registryBus.publish(registry.deploymentChanged, {
    ...{ endpoint, revision: 1, changedAt: '2001-05-01T00:00:00.000Z', changedBy: 'test' },
    ...{ reason: '', featureService: 'flights', salt: 'salt' },
    variants: [variant('champion', 1), variant('shadow', 2)],
  });
  await eventually(async () =>
    expect((await call('POST', `/endpoints/${endpoint}/comparisons`, candidate)).status).toBe(200),
  );
}
const candidate = { candidate: { model: 'm', version: 2 } };

/** Publishes events in this order, those of one kind that follow one another in messages of up to `batch`. */
async function publish(endpoint: string, events: readonly Event[], batch = 50): Promise<void> {
  for (let start = 0; start < events.length;) {
    const { kind } = events[start]!;
    let end = start;
    while (end < events.length && end - start < batch && events[end]!.kind === kind) end++;
    const group = events.slice(start, end).map(({ data }) => data);
    start = end;
    if (kind === 'prediction')
      await routerBus.publish(router.predictionsLogged, {
        ...{ instance: 'i', sequence: start, endpoint, features },
        predictions: group as router.Prediction[],
      });
    else if (kind === 'shadow')
      await routerBus.publish(router.shadowPredictionsLogged, {
        endpoint,
        predictions: group as router.ShadowPrediction[],
      });
    else
      await routerBus.publishAll(
        router.feedbackReceived,
        (group as router.Feedback[]).map((data) => ({ data, id: data.id })),
      );
  }
}

async function joined(endpoint: string): Promise<Joined> {
  return (await call('GET', `/endpoints/${endpoint}/join`)).body as Joined;
}

const normal = (draw: () => number) =>
  Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
const sigmoid = (margin: number) => 1 / (1 + Math.exp(-margin));

const START = Date.parse('2001-05-01T00:00:00Z');
const MINUTE = 60_000;

type Row = {
  id: string;
  atMs: number;
  vector: number[];
  champion: number;
  shadow: number;
  label: number;
};

/** Requests whose outcome depends on f1: the shadow sees that better than the champion. */
function someRows(
  prefix: string,
  options: { rows: number; fromMs?: number; shift?: number; flip?: boolean; seed?: number },
): Row[] {
  const draw = draws(options.seed ?? 7);
  return Array.from({ length: options.rows }, (_, index) => {
    const f1 = normal(draw) + (options.shift ?? 0);
    const truth = sigmoid(1.5 * f1 * (options.flip === true ? -1 : 1));
    return {
      id: `${prefix}/${String(index).padStart(5, '0')}`,
      atMs: (options.fromMs ?? START) + index * MINUTE,
      vector: [f1, draw()],
      champion: sigmoid(0.4 * f1),
      shadow: sigmoid(1.5 * f1),
      label: draw() < truth ? 1 : 0,
    };
  });
}

const predictionOf = (endpoint: string, row: Row, change: object = {}): Event => ({
  kind: 'prediction',
  data: {
    ...{ id: row.id, request: row.id, endpoint, revision: 1, variant: 'm-1', role: 'champion' },
    ...{ model: 'm', version: 1, propensity: 1, atMs: row.atMs, answeredMs: row.atMs + 5 },
    ...{ latencyMs: 5, modelMs: 0.1, status: 'answered', error: null, entities: {} },
    ...{ requestFeatures: { date: new Date(row.atMs).toISOString() }, vector: row.vector },
    score: row.champion,
    ...change,
  },
});
const shadowOf = (endpoint: string, row: Row, change: object = {}): Event => ({
  kind: 'shadow',
  data: {
    ...{ prediction: row.id, endpoint, variant: 'm-2', model: 'm', version: 2, atMs: row.atMs },
    ...{ status: 'answered', reason: null, score: row.shadow, modelMs: 0.2 },
    answered: { variant: 'm-1', model: 'm', version: 1, score: row.champion, modelMs: 0.1 },
    ...change,
  },
});
const feedbackOf = (endpoint: string, row: Row, change: object = {}): Event => ({
  kind: 'feedback',
  data: {
    ...{ id: `${row.id}/0`, prediction: row.id, endpoint, label: row.label },
    ...{ values: { delay: row.label * 30 }, revision: 0, source: 'test' },
    knownAt: new Date(row.atMs + 90 * MINUTE).toISOString(),
    ...change,
  },
});

describe('events in any order, any number of times', () => {
  const ROWS = 300;
  const LABELLED = 260;
  const CORRECTED = 20;
  const EARLY = 5;

  /** All events of one story, by what they are. */
  function story(endpoint: string) {
    const rows = someRows(endpoint, { rows: ROWS });
    const labelled = rows.slice(0, LABELLED);
    const corrected = labelled.slice(0, CORRECTED);
    const stray = someRows(`${endpoint}/stray`, { rows: EARLY });
    return {
      predictions: [
        ...rows.map((row) => predictionOf(endpoint, row)),
        ...someRows(`${endpoint}/failed`, { rows: 3 }).map((row) =>
          predictionOf(endpoint, row, { status: 'failed', score: null, vector: [] }),
        ),
      ],
      shadows: rows.map((row, index) =>
        shadowOf(endpoint, row, index % 100 === 99 ? { status: 'failed', score: null } : {}),
      ),
      feedback: [...labelled, ...stray].map((row) =>
        feedbackOf(endpoint, row, corrected.includes(row) ? { label: 1 - row.label } : {}),
      ),
      corrections: corrected.map((row) =>
        feedbackOf(endpoint, row, { id: `${row.id}/1`, revision: 1 }),
      ),
    };
  }

  const orders: readonly (readonly [
    string,
    number,
    (told: ReturnType<typeof story>) => readonly Event[],
  ])[] = [
    [
      'as they happen',
      0,
      ({ predictions, shadows, feedback, corrections }) => [
        ...predictions,
        ...shadows,
        ...feedback,
        ...corrections,
      ],
    ],
    [
      'backwards',
      CORRECTED,
      ({ predictions, shadows, feedback, corrections }) => [
        ...corrections,
        ...feedback,
        ...shadows.toReversed(),
        ...predictions.toReversed(),
      ],
    ],
    [
      'twice',
      LABELLED + EARLY + CORRECTED,
      ({ predictions, shadows, feedback, corrections }) => {
        const once = [...shadows, ...predictions, ...feedback, ...corrections];
        return [...once, ...once];
      },
    ],
    [
      'all mixed, feedback before its correction',
      0,
      ({ predictions, shadows, feedback, corrections }) => [
        ...shuffled([...predictions.slice(0, 150), ...shadows.slice(150), ...feedback], 1),
        ...shuffled([...predictions.slice(150), ...shadows.slice(0, 150), ...corrections], 2),
      ],
    ],
  ];

  const told: { digest: string; comparison: contracts.Comparison; labels: string }[] = [];

  it.each(orders)('%s give exact counts', async (name, duplicates, order) => {
    const endpoint = `order-${orders.findIndex(([one]) => one === name)}`;
    await deploy(endpoint);

    await publish(endpoint, order(story(endpoint)), name.startsWith('all') ? 5 : 50);
    const counts = {
      ...{ predictions: ROWS, labelled: LABELLED, pending: ROWS - LABELLED, early: EARLY },
      ...{ duplicates, shadows: { 'm-2': ROWS - 3 } },
    };
    await eventually(async () => {
      const { streams, ...rest } = await joined(endpoint);
      expect(rest).toEqual(counts);
      for (const { position, end } of streams) expect(position).toBe(end);
    });

    const { status, body } = await call('POST', `/endpoints/${endpoint}/comparisons`, candidate);
    const again = await call('POST', `/endpoints/${endpoint}/comparisons`, candidate);
    expect(status).toBe(200);
    expect(again.body['digest']).toBe(body['digest']);
    const report = body as unknown as contracts.Report;
    const { id, createdAt, digest, ...content } = report;
    expect(digest).toBe(sha256(canonicalJson(content)));
    expect(again.body['id']).not.toBe(id);
    expect(createdAt).toMatch(/Z$/);
    const outcomes = await readOutcomes(endpoint);
    told.push({
      digest: sha256(canonicalJson({ ...content, endpoint: '' })),
      comparison: report.comparison!,
      labels: sha256(
        canonicalJson(
          [...outcomes].map(([key, { label, revision, record }]) => [
            key.slice(endpoint.length),
            label,
            revision,
            record,
          ]),
        ),
      ),
    });
    expect(outcomes.size).toBe(LABELLED);
  });

  it('give the same comparison, the same report and the same outcomes', () => {
    expect(told).toHaveLength(orders.length);
    for (const one of told) expect(one).toEqual(told[0]);
    const rows = someRows('order-0', { rows: ROWS });
    const pairs = rows.filter((_, index) => index < LABELLED && index % 100 !== 99);
    const loss = (score: number, label: number) => -Math.log(label === 1 ? score : 1 - score);
    const difference =
      pairs.reduce(
        (sum, row) => sum + loss(row.champion, row.label) - loss(row.shadow, row.label),
        0,
      ) / pairs.length;

    expect(told[0]!.comparison).toMatchObject({
      ...{ answeredPairs: ROWS - 3, pairs: pairs.length, candidateFailures: 3 },
      ...{ champion: { version: 1 }, candidate: { version: 2, variant: 'm-2' } },
      meanLossDifference: expect.closeTo(difference, 9) as number,
      championLatencyMs: { p50: expect.closeTo(0.1, 2) as number },
      candidateLatencyMs: { p50: expect.closeTo(0.2, 2) as number },
    });
    expect(told[0]!.comparison.championQuality!.rows).toBe(pairs.length);
  });

  /** The newest revision of each outcome of an endpoint, by prediction. */
  async function readOutcomes(endpoint: string): Promise<Map<string, contracts.Outcome>> {
    const newest = new Map<string, contracts.Outcome>();
    await routerBus.readToEnd(topics.inferenceOutcomes.name, (records) => {
      for (const { value } of records) {
        const batch = contracts.outcomesJoined.data.parse(
          JSON.parse(Buffer.from(value).toString()),
        );
        if (batch.endpoint !== endpoint) continue;
        for (const one of batch.outcomes)
          if ((newest.get(one.prediction)?.revision ?? -1) <= one.revision)
            newest.set(one.prediction, one);
      }
    });
    return new Map([...newest].sort(([left], [right]) => (left < right ? -1 : 1)));
  }
});

const REFERENCE_ROWS = 2000;

/** What training saw: the same features as `someRows` makes, before May. */
async function referenceRows(): Promise<Uint8Array> {
  using folder = temporaryFolder();
  await using analytics = await openAnalytics({
    temporaryFolder: folder.path,
    allowedFolders: [folder.path],
  });
  await analytics.run('create table rows (prediction_time bigint, f1 double, f2 double)');
  const rows = someRows('reference', { rows: REFERENCE_ROWS, seed: 3 });
  const values = rows.map(
    ({ atMs, vector }) => `(${atMs - 40 * 86_400_000}, ${vector[0]!}, ${vector[1]!})`,
  );
  await analytics.run(`insert into rows values ${values.join(', ')}`);
  const file = join(folder.path, 'reference.parquet');
  await analytics.run(`copy rows to '${file}' (format parquet)`);
  return readFileSync(file);
}

describe('a watch', () => {
  const DAY = 86_400_000;
  const window = (day: number) => ({
    from: new Date(START + day * DAY).toISOString(),
    to: new Date(START + (day + 1) * DAY).toISOString(),
    paneHours: 12,
  });
  const rowsOfDay = (day: number, change: { shift?: number; flip?: boolean } = {}) =>
    someRows(`watched/${day}`, { rows: 1000, fromMs: START + day * DAY, seed: day + 1, ...change });
  const watch = async (day: number) => {
    const { status, body } = await call('POST', '/endpoints/watched/watches', window(day));
    expect(status).toBe(200);
    return body as unknown as { report: contracts.Report; alerts: contracts.Alert[] };
  };

  beforeAll(async () => {
    await deploy('watched');
    const days = [
      rowsOfDay(0),
      rowsOfDay(1, { shift: 1 }),
      rowsOfDay(2),
      rowsOfDay(3, { flip: true }),
      rowsOfDay(4),
    ].flat();
    await publish(
      'watched',
      days.map((row) => predictionOf('watched', row)),
    );
    await publish(
      'watched',
      days.map((row) => feedbackOf('watched', row)),
      500,
    );
    await eventually(
      async () =>
        expect(await joined('watched')).toMatchObject({ predictions: 5000, labelled: 5000 }),
      { withinMs: 30_000 },
    );
  });

  it('needs a reference first', async () => {
    const { status, body } = await call('POST', '/endpoints/watched/watches', window(0));

    expect([status, body['code']]).toEqual([409, 'conflict']);
  });

  it('compares with the profile of a training set', async () => {
    const put = await call('PUT', '/endpoints/watched/reference', { trainingSet: trainingSetId });
    const again = await call('PUT', '/endpoints/watched/reference', { trainingSet: trainingSetId });

    expect(put).toMatchObject({
      status: 200,
      body: { endpoint: 'watched', features: 2, rows: REFERENCE_ROWS },
    });
    expect(again.body).toEqual(put.body);
    expect(
      (await call('PUT', '/endpoints/watched/reference', { trainingSet: unfinishedId })).status,
    ).toBe(400);
    expect(
      (await call('PUT', '/endpoints/watched/reference', { trainingSet: 'nothing' })).status,
    ).toBe(404);
  });

  it('is quiet while nothing changes', async () => {
    const { report, alerts } = await watch(0);

    expect(alerts).toEqual([]);
    expect(report.drift.map(({ feature, verdict }) => [feature, verdict])).toEqual([
      ['f1', 'not-drifted'],
      ['f2', 'not-drifted'],
    ]);
    expect(report.quality.map(({ predictions, labelled }) => [predictions, labelled])).toEqual([
      [720, 720],
      [280, 280],
    ]);
    expect(report.quality[0]!.quality!.auc).toBeGreaterThan(0.7);
  });

  it('raises one alert for the feature that drifts, once, and resolves it', async () => {
    const drifted = await watch(1);
    const stillDrifted = await watch(1);
    const resolved = await watch(2);

    expect(drifted.report.drift.map(({ verdict }) => verdict)).toEqual(['drifted', 'not-drifted']);
    expect(drifted.alerts).toMatchObject([
      { signal: 'drift', state: 'firing', feature: 'f1', severity: 'warning', endpoint: 'watched' },
    ]);
    expect(stillDrifted.alerts).toEqual(drifted.alerts);
    expect(stillDrifted.report.digest).toBe(drifted.report.digest);
    expect(resolved.alerts).toEqual([]);
    expect(await alertEvents('drift')).toEqual([
      [drifted.alerts[0]!.id, 'firing'],
      [drifted.alerts[0]!.id, 'resolved'],
    ]);
  });

  it('raises an alert when quality falls, and resolves it', async () => {
    const fallen = await watch(3);
    const resolved = await watch(4);

    expect(fallen.report.drift.map(({ verdict }) => verdict)).toEqual([
      'not-drifted',
      'not-drifted',
    ]);
    expect(fallen.alerts).toMatchObject([
      { signal: 'quality', state: 'firing', severity: 'critical', feature: null },
    ]);
    expect(fallen.alerts[0]!.value!).toBeGreaterThan(fallen.alerts[0]!.threshold!);
    expect(resolved.alerts).toEqual([]);
    expect((await alertEvents('quality')).map(([, state]) => state)).toEqual([
      'firing',
      'resolved',
    ]);
    const { body } = await call('GET', '/alerts?endpoint=watched');
    expect((body['alerts'] as contracts.Alert[]).map(({ state }) => state)).toEqual([
      'resolved',
      'resolved',
    ]);
  });

  async function alertEvents(signal: string): Promise<(readonly [string, string])[]> {
    return eventually(async () => {
      const events: EventData<typeof contracts.alertChanged>[] = [];
      await routerBus.readToEnd(topics.monitorAlerts.name, (records) => {
        for (const { value } of records)
          events.push(contracts.alertChanged.data.parse(JSON.parse(Buffer.from(value).toString())));
      });
      const told = events
        .filter((alert) => alert.endpoint === 'watched' && alert.signal === signal)
        .map((alert) => [alert.id, alert.state] as const);
      expect(told.length).toBeGreaterThanOrEqual(2);
      return told;
    });
  }
});

describe('what cannot be answered', () => {
  it.each([
    ['POST', '/endpoints/nothing/comparisons', candidate, 404],
    ['POST', '/endpoints/watched/comparisons', { candidate: { model: 'm', version: 1 } }, 400],
    ['POST', '/endpoints/watched/comparisons', { ...candidate, alpha: 0.7 }, 400],
    ['POST', '/endpoints/watched/comparisons', { ...candidate, from: 'May' }, 400],
    [
      'POST',
      '/endpoints/watched/watches',
      { from: '2001-05-02T00:00:00Z', to: '2001-05-01T00:00:00Z' },
      400,
    ],
    ['GET', '/reports/nothing', undefined, 404],
    ['GET', '/alerts?state=loud', undefined, 400],
    ['GET', '/endpoints/a%00b/join', undefined, 400],
  ] as const)('%s %s with %j is answered %d', async (method, path, body, status) => {
    const answer = await call(method, path, body);

    expect(answer.status).toBe(status);
    expect(typeof answer.body['message']).toBe('string');
  });
});

it('reports are listed, newest first, and found by id', async () => {
  const { body } = await call('GET', '/reports?endpoint=watched');
  const reports = body['reports'] as contracts.Report[];

  expect(reports[0]!.kind).toBe('watch');
  expect(reports.map(({ createdAt }) => createdAt)).toEqual(
    reports
      .map(({ createdAt }) => createdAt)
      .sort()
      .reverse(),
  );
  expect((await call('GET', `/reports/${reports[0]!.id}`)).body).toEqual(reports[0]);
});

it('a restart goes on from what is there, and never says that an endpoint is not there', async () => {
  const before = await joined('watched');
  await running[Symbol.asyncDispose]();
  running = await start();

  const statuses: number[] = [];
  await eventually(async () => {
    const { status } = await call('POST', '/endpoints/watched/comparisons', candidate);
    statuses.push(status);
    expect(status).toBe(200);
  });
  expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
  expect({ ...(await joined('watched')), streams: [] }).toEqual({ ...before, streams: [] });
});
