import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mlflow, monitor, registry as contract } from '@flywheel/contracts';
import type { registry as shapes } from '@flywheel/contracts';
import { newId, sha256, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { startTestProcess } from '@flywheel/runtime/testing';
import { registry } from './service.ts';
import { aTrackingService } from './tracking.fixture.ts';

const tracking = aTrackingService();
const deployments: shapes.Deployment[] = [];
const decisions: shapes.Promotion[] = [];
let system: Awaited<ReturnType<typeof startTestProcess>>;
let bus: Bus;

beforeAll(async () => {
  system = await startTestProcess([tracking, registry]);
  await tracking.files().put('artifacts/1/run1/artifacts/model/model.onnx', Buffer.from('onnx'));
  await tracking.files().put('artifacts/1/run1/artifacts/sklearn/model.pkl', Buffer.from('pkl'));
  bus = await openBus({
    brokers: [system.addresses['kafka'] ?? ''],
    service: 'monitor',
    log: silentLogger,
  });
  bus.subscribe(contract.deploymentChanged, ({ data }) => {
    deployments.push(data);
    return Promise.resolve();
  });
  bus.subscribe(contract.promotionDecided, ({ data }) => {
    decisions.push(data);
    return Promise.resolve();
  });
  await bus.start();
}, 60_000);
afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
});

type Reply<Body> = { status: number; body: Body };

async function send(method: string, path: string, body?: unknown): Promise<Reply<unknown>> {
  const answer = await fetch(`${system.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** A model with that many versions, each with an ONNX file unless told otherwise. */
async function aModel(name: string, versions: number, folder = 'model'): Promise<string> {
  await send('POST', mlflow.mlflowCreateRegisteredModel.path, { name });
  for (let number = 0; number < versions; number++) {
    const source = `mlflow-artifacts:/1/run1/artifacts/${folder}`;
    const created = await send('POST', mlflow.mlflowCreateModelVersion.path, { name, source });
    expect(created.status).toBe(200);
  }
  return name;
}

const deploy = (endpoint: string, variants: unknown[], more: object = {}) =>
  send('PUT', `/api/registry/endpoints/${endpoint}`, { variants, ...more }) as Promise<
    Reply<shapes.Deployment>
  >;
const promote = (endpoint: string, body: object) =>
  send('POST', `/api/registry/endpoints/${endpoint}/promotions`, {
    requestedBy: 'ann',
    ...body,
  }) as Promise<Reply<shapes.Promotion>>;
const current = async (endpoint: string) =>
  (await send('GET', `/api/registry/endpoints/${endpoint}`)).body as shapes.Deployment;
const rolesOf = (deployment: shapes.Deployment) =>
  Object.fromEntries(
    deployment.variants.map(({ version, role, weight }) => [version, [role, weight]]),
  );

/** A comparison that opens any gate, unless changed. */
async function publishReport(
  name: string,
  change: Partial<monitor.Comparison> = {},
): Promise<monitor.Report> {
  const side = (version: number) => ({ variant: `${name}-${version}`, model: name, version });
  const latency = { p50: 1, p95: 2, p99: 3 };
  const report: monitor.Report = {
    id: newId(),
    kind: 'comparison',
    endpoint: name,
    model: name,
    version: 2,
    createdAt: new Date().toISOString(),
    from: null,
    to: null,
    drift: [],
    quality: [],
    digest: sha256(name),
    comparison: {
      champion: side(1),
      candidate: side(2),
      answeredPairs: 5000,
      pairs: 4000,
      coverage: 0.8,
      championOnly: 10,
      candidateOnly: 90,
      method: 'test',
      alpha: 0.05,
      evidence: 1000,
      meanLossDifference: 0.01,
      lossDifferenceInterval: [0.005, 0.015],
      agreement: 0.9,
      championQuality: null,
      candidateQuality: null,
      championLatencyMs: latency,
      candidateLatencyMs: latency,
      candidateFailures: 0,
      verdict: 'candidate-better',
      ...change,
    },
  };
  await bus.publish(monitor.reportPublished, report);
  return report;
}

/** An endpoint of its own with a champion and a shadow. */
async function withShadow(name: string): Promise<string> {
  await aModel(name, 2);
  const deployed = await deploy(name, [
    { model: name, version: 1, role: 'champion' },
    { model: name, version: 2, role: 'shadow' },
  ]);
  expect(deployed.status).toBe(200);
  return name;
}

describe('a deployment', () => {
  it('is complete: roles, weights, digests and artifacts, under the next revision', async () => {
    const model = await aModel('complete', 3);

    const first = await deploy(
      'complete',
      [
        { model, version: 1, role: 'champion' },
        { model, version: 2, role: 'challenger', weight: 0.25 },
        { model, version: 3, role: 'shadow', sampleRatio: 0.5 },
      ],
      { featureService: 'flights', changedBy: 'ann', reason: 'try' },
    );
    const second = await deploy('complete', [{ model, version: 1, role: 'champion' }]);

    expect(first).toMatchObject({
      status: 200,
      body: {
        endpoint: 'complete',
        revision: 1,
        featureService: 'flights',
        changedBy: 'ann',
        variants: [
          {
            name: 'complete-1',
            role: 'champion',
            weight: 0.75,
            artifact: {
              objectKey: 'tracking/artifacts/1/run1/artifacts/model/model.onnx',
              sha256: sha256('onnx'),
            },
          },
          { name: 'complete-2', role: 'challenger', weight: 0.25, sampleRatio: 1 },
          { name: 'complete-3', role: 'shadow', weight: 0, sampleRatio: 0.5 },
        ],
      },
    });
    expect(second.body).toMatchObject({ revision: 2, salt: first.body.salt });
    expect(await current('complete')).toEqual(second.body);
    const history = await send('GET', '/api/registry/endpoints/complete/deployments');
    expect(history.body).toEqual({ deployments: [second.body, first.body] });
    await eventually(() => {
      const told = deployments.filter(({ endpoint }) => endpoint === 'complete');
      expect(told).toEqual([first.body, second.body]);
    });
  });

  it('gets revisions in turn when several are made at the same moment', async () => {
    const model = await aModel('in-turn', 1);

    const replies = await Promise.all(
      Array.from({ length: 6 }, () => deploy('in-turn', [{ model, version: 1, role: 'champion' }])),
    );

    expect(replies.map(({ body }) => body.revision).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each<[string, unknown[], string]>([
    ['an unknown version', [{ model: 'bad', version: 9, role: 'champion' }], 'variants[0].version'],
    ['an unknown model', [{ model: 'none', version: 1, role: 'champion' }], 'variants[0].version'],
    ['no champion', [{ model: 'bad', version: 1, role: 'shadow' }], 'variants'],
    [
      'two champions',
      [
        { model: 'bad', version: 1, role: 'champion' },
        { model: 'bad', version: 2, role: 'champion' },
      ],
      'variants',
    ],
    [
      'the same version twice',
      [
        { model: 'bad', version: 1, role: 'champion' },
        { model: 'bad', version: 1, role: 'shadow' },
      ],
      'variants[1]',
    ],
    [
      'a challenger without a weight',
      [
        { model: 'bad', version: 1, role: 'champion' },
        { model: 'bad', version: 2, role: 'challenger' },
      ],
      'variants[1].weight',
    ],
    [
      'a version without ONNX file',
      [{ model: 'bad-pkl', version: 1, role: 'champion' }],
      'variants[0].version',
    ],
  ])('with %s is refused, and nothing is stored', async (_, variants, field) => {
    await aModel('bad', 2);
    await aModel('bad-pkl', 1, 'sklearn');

    const refused = await deploy('bad', variants);

    expect(refused).toMatchObject({ status: 400, body: { details: { field } } });
    expect(await send('GET', '/api/registry/endpoints/bad')).toMatchObject({ status: 404 });
  });
});

describe('a promotion', () => {
  it('goes from shadow to challenger to champion, each step by the gate', async () => {
    const name = await withShadow('steps');
    const report = await publishReport(name);

    const challenger = await promote(name, {
      model: name,
      version: 2,
      to: 'challenger',
      share: 0.3,
    });

    expect(challenger).toMatchObject({
      status: 200,
      body: { decision: 'passed', revision: 2, report: report.id, requestedBy: 'ann' },
    });
    expect(rolesOf(await current(name))).toEqual({ 1: ['champion', 0.7], 2: ['challenger', 0.3] });
    const champion = await promote(name, { model: name, version: 2, to: 'champion' });
    expect(champion.body).toMatchObject({ decision: 'passed', revision: 3 });
    expect(rolesOf(await current(name))).toEqual({ 1: ['shadow', 0], 2: ['champion', 1] });
    const alias = await send(
      'GET',
      `/api/2.0/mlflow/registered-models/alias?name=${name}&alias=champion`,
    );
    expect(alias.body).toMatchObject({ model_version: { version: '2' } });
    const listed = await send('GET', `/api/registry/endpoints/${name}/promotions`);
    expect(listed.body).toEqual({ promotions: [champion.body, challenger.body] });
    expect(challenger.body.digest).not.toBe(champion.body.digest);
    await eventually(() => {
      const told = decisions.filter(({ endpoint }) => endpoint === name);
      expect(told).toEqual([challenger.body, champion.body]);
    });
  });

  it('without a report is refused: missing evidence is no consent, and nothing changes', async () => {
    const name = await withShadow('no-report');

    const refused = await promote(name, { model: name, version: 2, to: 'challenger' });

    expect(refused).toMatchObject({
      status: 200,
      body: { decision: 'refused', revision: null, report: null, evidence: null },
    });
    expect(await current(name)).toMatchObject({ revision: 1 });
  });

  it.each<[string, Partial<monitor.Comparison>]>([
    ['another verdict', { verdict: 'champion-better' }],
    ['too few pairs', { pairs: 10 }],
    ['weak evidence', { evidence: 19 }],
    ['no latency', { candidateLatencyMs: null }],
    ['failures', { candidateFailures: 100 }],
  ])('on a report with %s is refused', async (what, change) => {
    const name = await withShadow(`report-${what.replaceAll(' ', '-')}`);
    await publishReport(name, change);

    const refused = await promote(name, { model: name, version: 2, to: 'challenger' });

    expect(refused.body).toMatchObject({ decision: 'refused', revision: null });
    expect(refused.body.checks.filter(({ passed }) => !passed)).toHaveLength(1);
    expect(await current(name)).toMatchObject({ revision: 1 });
  });

  it('looks at the newest report, whichever arrives last', async () => {
    const name = await withShadow('newest');
    await publishReport(name);
    const newest = await publishReport(name, { evidence: 2 });

    const refused = await promote(name, { model: name, version: 2, to: 'challenger' });

    expect(refused.body).toMatchObject({ decision: 'refused', report: newest.id, evidence: 2 });
  });

  it('asked for again, or twice at the same moment, happens once and is answered alike', async () => {
    const name = await withShadow('twice');
    await publishReport(name);
    const ask = () => promote(name, { model: name, version: 2, to: 'challenger' });
    expect(await ask()).toEqual(await ask());
    expect(await current(name)).toMatchObject({ revision: 2 });

    const replies = await Promise.all(
      Array.from({ length: 4 }, () => promote(name, { model: name, version: 2, to: 'champion' })),
    );

    expect(replies).toEqual(Array(4).fill(replies[0]));
    expect(replies[0]?.body).toMatchObject({ decision: 'passed', revision: 3 });
    expect(await current(name)).toMatchObject({ revision: 3 });
    const listed = await send('GET', `/api/registry/endpoints/${name}/promotions`);
    expect(listed.body).toMatchObject({ promotions: { length: 2 } });
  });

  it('is decided anew once the endpoint has changed, or for another share', async () => {
    const name = await withShadow('anew');
    await publishReport(name);
    const ask = (share: number) =>
      promote(name, { model: name, version: 2, to: 'challenger', share });

    expect((await ask(0.2)).body).toMatchObject({ revision: 2 });
    expect((await ask(0.3)).body).toMatchObject({ revision: 3 });
    await deploy(name, [
      { model: name, version: 1, role: 'champion' },
      { model: name, version: 2, role: 'shadow' },
    ]);
    expect((await ask(0.3)).body).toMatchObject({ revision: 5 });
  });

  it('skips no step, and knows only what is deployed', async () => {
    const name = await withShadow('no-skip');
    await publishReport(name);
    const ask = (body: object) =>
      promote(name, { model: name, version: 2, to: 'champion', ...body });

    expect(await ask({})).toMatchObject({ status: 400, body: { details: { field: 'to' } } });
    expect(await ask({ version: 1 })).toMatchObject({ status: 400 });
    expect(await ask({ version: 7 })).toMatchObject({ status: 400 });
    expect(await ask({ to: 'shadow' })).toMatchObject({ status: 400 });
    expect(await ask({ policy: { alpha: 2 } })).toMatchObject({ status: 400 });
    expect(await promote('nowhere', { model: name, version: 2, to: 'champion' })).toMatchObject({
      status: 404,
    });
    expect(await current(name)).toMatchObject({ revision: 1 });
  });
});
