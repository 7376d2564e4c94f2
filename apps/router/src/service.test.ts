import { join } from 'node:path';
import { topics } from '@flywheel/contracts';
import type { EventData, router as contracts } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { aTensorOf, encodeInferRequest, parseInferResponse } from '@flywheel/inference';
import { logisticModel } from '@flywheel/inference/testing';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { startTestProcess } from '@flywheel/runtime/testing';
import { openFileObjectStore } from '@flywheel/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { aFeatureStore } from './fixture/feature-store.ts';
import { TestRegistry } from './fixture/registry.ts';
import type { VariantAsked } from './fixture/registry.ts';
import { router } from './service.ts';

type Batch = EventData<typeof contracts.predictionsLogged>;
type EndpointStatus = z.output<typeof contracts.endpointStatus>;
type Shadows = EventData<typeof contracts.shadowPredictionsLogged>;
type Answer = {
  model_name: string;
  model_version: string;
  id?: string;
  parameters?: Record<string, unknown>;
  outputs: { name: string; datatype: string; shape: number[]; data: (string | number)[] }[];
};

const folder = temporaryFolder();
const control = { delayMs: 0, isAway: false };
let running: Awaited<ReturnType<typeof startTestProcess>>;
let registry: TestRegistry;
let reader: Bus;

beforeAll(async () => {
  running = await startTestProcess([aFeatureStore(control), router], {
    environment: { FLYWHEEL_DATA: folder.path },
  });
  const brokers = running.addresses['kafka']!;
  registry = await TestRegistry.open({
    brokers,
    objects: await openFileObjectStore({ folder: join(folder.path, 'objects') }),
  });
  reader = await openBus({ brokers: [brokers], service: 'monitor', log: silentLogger });
  for (const version of [1, 2, 3, 4])
    await registry.store(version, logisticModel([0.1 * version, -0.001], 0.5));
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();
  await running[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** What the model of this version says of a flight: the first feature is the length of the origin's name. */
const scoreOf = (version: number, origin: string, distance: number) =>
  1 / (1 + Math.exp(-(0.1 * version * origin.length - 0.001 * distance + 0.5)));

async function deployed(
  endpoint: string,
  variants: readonly VariantAsked[],
  options: { featureService?: string } = { featureService: 'flight-delay' },
): Promise<void> {
  const revision = await registry.deploy(endpoint, variants, options);
  await eventually(async () =>
    expect(await statusOf(endpoint)).toMatchObject({ revision, ready: true }),
  );
}

const bytes = (name: string, data: readonly string[]) => ({
  name,
  datatype: 'BYTES',
  shape: [data.length],
  data,
});
const floats = (name: string, data: readonly number[]) => ({
  name,
  datatype: 'FP32',
  shape: [data.length],
  data,
});
const aRequest = (origins: readonly string[] = ['ORD'], id?: string) => ({
  ...(id === undefined ? {} : { id }),
  inputs: [
    bytes('origin', origins),
    bytes(
      'date',
      origins.map(() => '2001-05-01T06:00:00Z'),
    ),
    floats(
      'distance',
      origins.map(() => 1000),
    ),
  ],
});

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${running.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Answer & { error?: string } };
}
const infer = (endpoint: string, body: unknown) => post(`/v2/models/${endpoint}/infer`, body);

async function get(path: string) {
  const answer = await fetch(`${running.url}${path}`);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function statusOf(endpoint: string): Promise<EndpointStatus> {
  const { body } = await get(`/api/router/endpoints/${endpoint}`);
  return body as unknown as EndpointStatus; // checked by the server against its contract
}

async function readAll<Data>(topic: string): Promise<Data[]> {
  const all: Data[] = [];
  await reader.readToEnd(topic, (records) => {
    for (const { value } of records) all.push(JSON.parse(Buffer.from(value).toString()) as Data);
  });
  return all;
}

/** Everything the log has of an endpoint, once all that was accepted is in it. */
async function logged(
  endpoint: string,
): Promise<{ batch: Batch; prediction: contracts.Prediction }[]> {
  await eventually(async () => expect((await statusOf(endpoint)).log.pending).toBe(0));
  return (await readAll<Batch>(topics.inferencePredictions.name))
    .filter((batch) => batch.endpoint === endpoint)
    .flatMap((batch) => batch.predictions.map((prediction) => ({ batch, prediction })));
}

describe('an endpoint with a feature service', () => {
  beforeAll(() => deployed('joined', [{ role: 'champion', version: 1 }]));

  it('describes what a caller gives and gets', async () => {
    expect(await get('/v2/models/joined')).toEqual({
      status: 200,
      body: {
        name: 'joined',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [
          { name: 'origin', datatype: 'BYTES', shape: [-1] },
          { name: 'distance', datatype: 'FP32', shape: [-1] },
          { name: 'date', datatype: 'BYTES', shape: [-1] },
        ],
        outputs: [
          { name: 'probability', datatype: 'FP32', shape: [-1] },
          { name: 'prediction_id', datatype: 'BYTES', shape: [-1] },
        ],
        properties: { revision: '1', feature_service: 'flight-delay' },
      },
    });
    for (const path of ['/v2', '/v2/health/live', '/v2/models/joined/ready'])
      expect((await get(path)).status).toBe(200);
    expect((await get('/v2/models/joined/versions/1/ready')).status).toBe(200);
    expect((await get('/v2/models/joined/versions/9/ready')).status).toBe(404);
    const index = await post('/v2/repository/index', '{}');
    expect(index.body).toContainEqual({ name: 'joined', version: '1', state: 'READY', reason: '' });
  });

  it('answers each row from its features, and logs what it answered', async () => {
    const origins = ['ORD', 'LAXX', 'A'];

    const { status, body } = await infer('joined', aRequest(origins, 'three-rows'));

    expect(status).toBe(200);
    expect(body).toMatchObject({ model_name: 'joined', model_version: '1', id: 'three-rows' });
    const [probability, ids] = body.outputs;
    expect(probability).toMatchObject({ name: 'probability', datatype: 'FP32', shape: [3] });
    origins.forEach((origin, row) =>
      expect(probability!.data[row]).toBeCloseTo(scoreOf(1, origin, 1000), 6),
    );
    expect(ids!.data).toEqual(['three-rows:0', 'three-rows:1', 'three-rows:2']);

    const found = (await logged('joined')).filter(
      ({ prediction }) => prediction.request === 'three-rows',
    );
    expect(found.map(({ prediction }) => prediction.id)).toEqual(ids!.data);
    expect(found[1]!.batch.features).toEqual(['origin_history__flights_3h', 'distance']);
    expect(found[1]!.prediction).toMatchObject({
      endpoint: 'joined',
      revision: 1,
      variant: 'm-1',
      role: 'champion',
      propensity: 1,
      atMs: Date.parse('2001-05-01T05:00:00Z'),
      status: 'answered',
      error: null,
      entities: { origin: 'LAXX' },
      requestFeatures: { distance: 1000, date: '2001-05-01T06:00:00Z' },
      vector: [4, 1000],
      score: probability!.data[1],
    });
  });

  it('gives the same bits for a row alone and among others', async () => {
    const alone = await infer('joined', aRequest(['LAXX']));
    const among = await infer('joined', aRequest(['ORD', 'LAXX', 'A', 'BBBBB']));

    expect(alone.body.outputs[0]!.data[0]).toBe(among.body.outputs[0]!.data[1]);
  });

  it('answers only the outputs that are asked for', async () => {
    const { body } = await infer('joined', { ...aRequest(), outputs: [{ name: 'probability' }] });

    expect(body.outputs.map(({ name }) => name)).toEqual(['probability']);
  });

  it('makes an id where the caller gives none, a new one each time', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await infer('joined', aRequest())).body.outputs[1]!.data[0]),
    );

    expect(new Set(ids).size).toBe(3);
  });

  it('logs a failure as a prediction that failed, when the features are away', async () => {
    control.isAway = true;
    const { status, body } = await infer('joined', aRequest(['ORD'], 'while-away'));
    control.isAway = false;

    expect([status, typeof body.error]).toEqual([503, 'string']);
    const found = (await logged('joined')).filter(
      ({ prediction }) => prediction.request === 'while-away',
    );
    expect(found.map(({ prediction }) => prediction)).toMatchObject([
      { id: 'while-away', status: 'failed', score: null, vector: [] },
    ]);
    expect((await statusOf('joined')).requests.failed).toBe(1);
  });

  it("passes on what the feature store calls the caller's mistake, and logs no prediction", async () => {
    const { status, body } = await infer('joined', aRequest(['???'], 'unknown-origin'));

    expect([status, body.error]).toEqual([400, 'rows[0].entities.origin: is unknown']);
    expect(
      (await logged('joined')).filter(({ prediction }) => prediction.request === 'unknown-origin'),
    ).toEqual([]);
  });
});

describe('an endpoint without a feature service', () => {
  beforeAll(() => deployed('plain', [{ role: 'champion', version: 1 }], {}));

  it('takes vectors, in JSON and in binary tensors, and says the same to both', async () => {
    const vectors = Float32Array.from([3, 1000, 4, 500]);
    const json = await infer('plain', {
      inputs: [{ name: 'features', datatype: 'FP32', shape: [2, 2], data: [...vectors] }],
    });
    const { body, headerLength } = encodeInferRequest(
      {
        inputs: [aTensorOf('features', 'FP32', [2, 2], vectors)],
        outputs: [{ name: 'probability', parameters: {}, binary: true }],
        parameters: {},
        binaryOutput: false,
      },
      { binary: () => true },
    );
    const answer = await fetch(`${running.url}/v2/models/plain/infer`, {
      method: 'POST',
      headers: {
        'content-type': 'application/octet-stream',
        'Inference-Header-Content-Length': String(headerLength),
      },
      body: Buffer.from(body as Uint8Array),
    });
    const binary = parseInferResponse(new Uint8Array(await answer.arrayBuffer()), {
      headerLength: Number(answer.headers.get('inference-header-content-length')),
    });

    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect([...(binary.outputs[0]!.data as Float32Array)].map(Math.fround)).toEqual(
      json.body.outputs[0]!.data.map((value) => Math.fround(Number(value))),
    );
    expect(json.body.outputs[0]!.data[1]).toBeCloseTo(scoreOf(1, 'LAXX', 500), 6);
  });

  it('takes NaN for a missing value', async () => {
    const { body, headerLength } = encodeInferRequest(
      {
        inputs: [aTensorOf('features', 'FP32', [1, 2], Float32Array.from([3, Number.NaN]))],
        parameters: {},
        binaryOutput: false,
        id: 'with-nan',
      },
      { binary: () => true },
    );
    const answer = await fetch(`${running.url}/v2/models/plain/infer`, {
      method: 'POST',
      headers: { 'Inference-Header-Content-Length': String(headerLength) },
      body: Buffer.from(body as Uint8Array),
    });

    expect(answer.status).toBeLessThan(500);
    expect((await logged('plain')).map(({ prediction }) => prediction.vector)).toContainEqual([
      3,
      null,
    ]);
  });
});

describe("a caller's mistake", () => {
  beforeAll(() => deployed('strict', [{ role: 'champion', version: 1 }]));

  const nested = '['.repeat(100_000) + ']'.repeat(100_000);
  const bodies: readonly (readonly [string, unknown])[] = [
    ['nothing', ''],
    ['half an object', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['no inputs', { inputs: [] }],
    ['inputs that are no list', { inputs: {} }],
    ['an unknown tensor', { inputs: [floats('x', [1])] }],
    ['text for a number', { inputs: [{ ...floats('distance', [1]), data: ['a'] }] }],
    ['fewer values than the shape says', { inputs: [{ ...floats('distance', [1]), shape: [2] }] }],
    ['a negative shape', { inputs: [{ ...floats('distance', []), shape: [-1] }] }],
    ['an unknown datatype', { inputs: [{ ...floats('distance', [1]), datatype: 'FP31' }] }],
    ['a name of the language', { inputs: [floats('__proto__', [1])] }],
    ['a huge shape', { inputs: [{ ...floats('distance', [1]), shape: [1e9, 1e9] }] }],
    ['deep nesting', nested],
    ['a byte order mark', '\ufeff{}'],
    [
      'a number beyond all',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1e400]}]}',
    ],
    ['no rows', aRequest([])],
    [
      'rows that do not agree',
      { inputs: [...aRequest().inputs.slice(0, 2), floats('distance', [1, 2])] },
    ],
    ['a tensor that is missing', { inputs: aRequest().inputs.slice(0, 2) }],
    ['an id that is too long', aRequest(['ORD'], 'x'.repeat(151))],
    ['an id with a character no store takes', aRequest(['ORD'], 'a\u0000b')],
    ['an output that is not there', { ...aRequest(), outputs: [{ name: 'label' }] }],
    [
      'text that is no UTF-8',
      { inputs: [{ ...bytes('origin', ['\ud800']) }, ...aRequest().inputs.slice(1)] },
    ],
  ];

  it.each(bodies)('%s is told with its place, and answered 4xx', async (_what, body) => {
    const answer = await infer('strict', body);

    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body.error).toMatch(/.{5,}/);
  });

  it('more rows than one request may have are told as too large', async () => {
    const answer = await infer('strict', aRequest(Array.from({ length: 1001 }, () => 'ORD')));

    expect([answer.status, answer.body.error]).toEqual([
      413,
      'inputs[0].shape[0]: must be at most 1000 rows',
    ]);
  });

  it.each(['no-such', '..%2f..%2fetc', '%00', 'a'.repeat(5000)])(
    'the endpoint %s is not there',
    async (name) => {
      const answer = await infer(name, aRequest());

      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    },
  );

  it('leaves no prediction behind', async () => {
    expect(await logged('strict')).toEqual([]);
    expect(await infer('strict', aRequest())).toMatchObject({ status: 200 });
  });
});

describe('a deployment', () => {
  it('that changes under load fails no request', { timeout: 60_000 }, async () => {
    control.delayMs = 20; // at every change there are requests that have begun on the old model
    await deployed('swapped', [{ role: 'champion', version: 1 }]);
    const answers = { sent: 0, versions: new Set<string>(), failures: [] as unknown[] };
    let isOver = false;
    const caller = async () => {
      while (!isOver) {
        answers.sent++;
        const { status, body } = await infer('swapped', aRequest(['ORD', 'LAXX']));
        if (status === 200) {
          answers.versions.add(body.model_version);
          const expected = scoreOf(Number(body.model_version), 'ORD', 1000);
          if (Math.abs(Number(body.outputs[0]!.data[0]) - expected) > 1e-6)
            answers.failures.push({ expected, body });
        } else answers.failures.push({ status, body });
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    for (const version of [2, 3, 4, 1, 2, 3, 4])
      await deployed('swapped', [{ role: 'champion', version }]);
    isOver = true;
    await Promise.all(callers);
    control.delayMs = 0;

    expect(answers.failures).toEqual([]);
    expect(answers.versions).toEqual(new Set(['1', '2', '3', '4']));
    const { requests, log } = await statusOf('swapped');
    expect(requests).toEqual({ answered: answers.sent, failed: 0, rows: 2 * answers.sent });
    expect(log.dropped).toBe(0);
    expect(await logged('swapped')).toHaveLength(2 * answers.sent);
  });

  it('splits requests by their ids, the same id to the same variant', async () => {
    await deployed('split', [
      { role: 'champion', version: 1, weight: 0.7 },
      { role: 'challenger', version: 2, weight: 0.3 },
    ]);
    const ids = Array.from({ length: 200 }, (_, index) => `request-${index}`);
    const ask = () =>
      Promise.all(
        ids.map(async (id) => (await infer('split', aRequest(['ORD'], id))).body.model_version),
      );

    const first = await ask();
    const second = await ask();

    expect(second).toEqual(first);
    const challenged = first.filter((version) => version === '2').length;
    expect(challenged).toBeGreaterThan(35); // 60 expected, six standard deviations of 6.5 would be 39
    expect(challenged).toBeLessThan(95);
    const seen = await logged('split');
    expect(
      new Set(seen.map(({ prediction }) => `${prediction.variant} ${prediction.propensity}`)),
    ).toEqual(new Set(['m-1 0.7', 'm-2 0.3']));
  });

  it('with an artifact that is not the registered one is not served', async () => {
    await deployed('guarded', [{ role: 'champion', version: 1 }]);

    await registry.deploy('guarded', [{ role: 'champion', version: 2, wrongDigest: true }]);
    await eventually(async () => expect(await statusOf('guarded')).toMatchObject({ ready: false }));

    expect(await infer('guarded', aRequest())).toMatchObject({
      status: 200,
      body: { model_version: '1' },
    });
  });

  it('that needs something that is away is served once it is back', async () => {
    control.isAway = true;
    const revision = await registry.deploy('patient', [{ role: 'champion', version: 1 }], {
      featureService: 'flight-delay',
    });
    await eventually(async () => expect((await infer('patient', aRequest())).status).toBe(503));
    expect((await get('/v2/health/ready')).status).toBe(503);
    control.isAway = false;

    await eventually(async () =>
      expect(await statusOf('patient')).toMatchObject({ revision, ready: true }),
    );
    expect((await infer('patient', aRequest())).status).toBe(200);
  });

  it('that is taken away is not there any more', async () => {
    await deployed('gone', [{ role: 'champion', version: 1 }]);
    await registry.remove('gone');

    await eventually(async () => expect((await infer('gone', aRequest())).status).toBe(404));
    expect((await get('/api/router/endpoints/gone')).status).toBe(404);
  });
});

describe('shadows', () => {
  it('see what they should, and their books close', async () => {
    await deployed('shadowed', [
      { role: 'champion', version: 1 },
      { role: 'shadow', version: 2 },
      { role: 'shadow', version: 3, sampleRatio: 0.5 },
      { role: 'shadow', version: 4, wrongDigest: true },
    ]);
    const answered = 120;
    for (let sent = 0; sent < answered; sent += 10)
      await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          infer('shadowed', aRequest([index % 2 === 0 ? 'ORD' : 'LAXX'])),
        ),
      );
    control.isAway = true;
    await infer('shadowed', aRequest()); // failed: no shadow is eligible
    control.isAway = false;

    const { shadows } = await eventually(async () => {
      const status = await statusOf('shadowed');
      expect([status.log.pending, status.shadowLag]).toEqual([0, 0]);
      return status;
    });
    expect(shadows['m-2']).toEqual({
      ...{ eligible: answered, sampled: answered, unsampled: 0, sent: answered, shed: {} },
      ...{ answered, failed: {} },
    });
    const half = shadows['m-3']!;
    expect(half).toMatchObject({ eligible: answered, shed: {}, failed: {} });
    expect(half.sampled + half.unsampled).toBe(answered);
    expect(half.answered).toBe(half.sampled);
    expect(half.sampled).toBeGreaterThan(25);
    expect(half.sampled).toBeLessThan(95);
    expect(shadows['m-4']).toMatchObject({
      sampled: answered,
      sent: 0,
      shed: { not_loadable: answered },
    });

    const told = (await readAll<Shadows>(topics.inferenceShadows.name))
      .flatMap((batch) => batch.predictions)
      .filter((one) => one.endpoint === 'shadowed');
    expect(told).toHaveLength(3 * answered);
    expect(new Set(told.map((one) => `${one.prediction} ${one.variant}`)).size).toBe(3 * answered);
    const byId = new Map(
      (await logged('shadowed')).map(({ prediction }) => [prediction.id, prediction]),
    );
    for (const one of told.filter(({ status }) => status === 'answered')) {
      const origin = byId.get(one.prediction)!.entities['origin'] as string;
      expect(one.score).toBeCloseTo(scoreOf(one.version, origin, 1000), 6);
      expect(one.answered).toMatchObject({
        variant: 'm-1',
        score: byId.get(one.prediction)!.score,
      });
    }
  });
});

describe('feedback', () => {
  it('is acknowledged once the log has it, the same item under the same id', async () => {
    await deployed('fed', [{ role: 'champion', version: 1 }]);
    const { body } = await infer('fed', aRequest(['ORD'], 'fed-1'));
    const item = {
      prediction: body.outputs[1]!.data[0],
      endpoint: 'fed',
      label: 1,
      values: { delay: 23 },
      knownAt: '2001-05-01T09:00:00Z',
    };

    const first = await post('/api/router/feedback', { items: [item] });
    const again = await post('/api/router/feedback', { items: [item] });
    const correction = await post('/api/router/feedback', {
      items: [{ ...item, label: 0, revision: 1 }],
    });

    expect(first).toEqual({ status: 202, body: { accepted: 1, ids: ['fed-1/0'] } });
    expect(again).toEqual(first);
    expect(correction.body).toEqual({ accepted: 1, ids: ['fed-1/1'] });
    const found = (await readAll<contracts.Feedback>(topics.inferenceFeedback.name)).filter(
      ({ prediction }) => prediction === 'fed-1',
    );
    expect(found.map(({ label, revision }) => [label, revision])).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it.each([
    ['an endpoint that is not there', { prediction: 'p', endpoint: 'nothing', label: 1 }],
    ['a label that is no class or reward', { prediction: 'p', endpoint: 'fed', label: 2 }],
    ['no prediction', { endpoint: 'fed', label: 1 }],
    ['a time that is none', { prediction: 'p', endpoint: 'fed', label: 1, knownAt: 'yesterday' }],
    ['a character no store takes', { prediction: 'p\u0000', endpoint: 'fed', label: 1 }],
    ['an id no store takes', { id: '\u0000', prediction: 'p', endpoint: 'fed', label: 1 }],
  ])('with %s is refused with its place', async (_what, item) => {
    const answer = await fetch(`${running.url}/api/router/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items: [item] }),
    });

    expect(answer.status).toBe(400);
    expect(JSON.stringify(await answer.json())).toContain('items[0]');
  });
});
