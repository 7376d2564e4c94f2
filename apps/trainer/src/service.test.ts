import { mlflow, monitor, trainer as contracts } from '@flywheel/contracts';
import type { trainer as shapes } from '@flywheel/contracts';
import { sha256, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { onnxFileName, OnnxModel } from '@flywheel/inference';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { startTestProcess, testDataFolder } from '@flywheel/runtime/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aFeatureStore,
  finishedId,
  rowCount,
  timeOfRow,
  unfinishedId,
} from './fixture/feature-store.ts';
import { withSqlFaults } from './fixture/sql-faults.ts';
import { TestTracking } from './fixture/tracking.ts';
import { trainerWith } from './service.ts';

type Body = Record<string, unknown>;

const VALID_FROM = 400;
const TEST_FROM = 500;
const TRIES = 6;
const patiently = { withinMs: 120_000 };
/** Trains longer than any test waits. */
const endless = { trees: 100_000, minRowsPerLeaf: 1 };

const tracking = new TestTracking();
const featureStore = { away: 0 };
const database = { statement: '', left: 0 };
const transitions: shapes.Job[] = [];
let folder: Awaited<ReturnType<typeof testDataFolder>>;
let system: Awaited<ReturnType<typeof startTestProcess>>;
let bus: Bus;

async function start(): Promise<void> {
  const waitsMs = Array.from({ length: TRIES - 1 }, () => 0);
  const trainer = withSqlFaults(trainerWith({ waitsMs }), database);
  system = await startTestProcess([aFeatureStore(featureStore), tracking.service(), trainer], {
    environment: { FLYWHEEL_DATA: folder.path },
  });
  bus = await openBus({
    brokers: [system.addresses['kafka']!],
    service: 'monitor',
    log: silentLogger,
  });
  bus.subscribe(contracts.jobChanged, ({ data }) => {
    transitions.push(data);
    return Promise.resolve();
  });
  await bus.start();
}

async function stop(): Promise<void> {
  await bus[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
}

beforeAll(async () => {
  folder = await testDataFolder();
  await start();
});
afterAll(async () => {
  await stop();
  folder[Symbol.dispose]();
});

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(`${system.url}/api/trainer${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Body };
}

/** A request for a small boosted model of its own: the seed makes the run key. */
function aJob(name: string, change: { spec?: Body } & Body = {}): Body {
  return {
    ...{ name, experiment: name },
    ...change,
    spec: {
      algorithm: 'gradient-boosting',
      params: { trees: 5 },
      trainingSet: finishedId,
      split: { validFrom: timeOfRow(VALID_FROM), testFrom: timeOfRow(TEST_FROM) },
      seed: seedOf(name),
      code: { commit: '0123456789abcdef', dirty: false },
      ...change.spec,
    },
  };
}

function aStudy(name: string, change: Body = {}): Body {
  return {
    ...{ name, experiment: name, algorithm: 'gradient-boosting', trainingSet: finishedId },
    split: { validFrom: timeOfRow(VALID_FROM) },
    space: {
      learningRate: { kind: 'float', low: 0.05, high: 0.5, log: true },
      maxLeaves: { kind: 'int', low: 2, high: 16 },
    },
    fixed: { trees: 4 },
    trials: 4,
    seed: 3,
    ...change,
  };
}

const seedOf = (name: string) => parseInt(sha256(name).slice(0, 7), 16);

async function submitted(request: Body): Promise<shapes.Job> {
  const { status, body } = await call('POST', '/jobs', request);
  expect(body).toMatchObject({ name: request['name'] });
  expect(status).toBe(202);
  return body as shapes.Job;
}

async function studied(request: Body): Promise<shapes.Study> {
  const { status, body } = await call('POST', '/studies', request);
  expect(body).toMatchObject({ name: request['name'] });
  expect(status).toBe(202);
  return body as shapes.Study;
}

const jobNow = async (id: string, waitMs = 0) =>
  (await call('GET', `/jobs/${id}?waitMs=${waitMs}`)).body as shapes.Job;

const ended = (id: string) =>
  eventually(async () => {
    const job = await jobNow(id, 10_000);
    expect(job.state).not.toMatch(/queued|running/);
    return job;
  }, patiently);

const studyEnded = (id: string) =>
  eventually(async () => {
    const study = (await call('GET', `/studies/${id}?waitMs=10000`)).body as shapes.Study;
    expect(study.state).not.toBe('running');
    return study;
  }, patiently);

const trialsOf = ({ trials }: shapes.Study) =>
  trials.map(({ number, state, params, value }) => ({ number, state, params, value }));

describe('a job', () => {
  it('ends as a finished run with a model that is registered, and says what it is', async () => {
    const { id, runKey } = await submitted(
      aJob('complete', { release: true, registerAs: 'complete-model' }),
    );

    const { state, attempt, result, error } = await ended(id);

    expect({ state, attempt, error }).toEqual({ state: 'succeeded', attempt: 1, error: null });
    expect(result).toMatchObject({
      cached: false,
      model: { name: 'complete-model', version: 1 },
      parity: { rows: TEST_FROM - VALID_FROM, different: 0 },
      validation: { rows: TEST_FROM - VALID_FROM },
      test: { rows: rowCount - TEST_FROM },
    });
    expect(result!.validation.auc).toBeGreaterThan(0.6);

    const [run, ...others] = tracking.runsOf('complete');
    expect(others).toEqual([]);
    expect(run).toMatchObject({
      ...{ id: result!.run, name: 'complete', status: 'FINISHED' },
      params: { algorithm: 'gradient-boosting', trees: '5', training_rows: String(VALID_FROM) },
    });
    const stepsOf = (key: string) =>
      run!.metrics.filter((metric) => metric.key === key).map(({ step }) => step);
    expect(stepsOf('train_log_loss')).toEqual([1, 2, 3, 4, 5]);
    expect(stepsOf('valid_log_loss')).toEqual([1, 2, 3, 4, 5]);
    expect(run!.metrics).toContainEqual({
      ...{ key: 'test_auc', step: 0 },
      value: result!.test!.auc,
    });

    const files = tracking.filesOf(result!.run);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(['model/MLmodel', 'model/requirements.txt', 'trainer/model.json']),
    );
    const onnx = files.get(`model/${onnxFileName}`)!;
    expect(sha256(onnx)).toBe(result!.onnxSha256);
    await using runtime = await OnnxModel.load(onnx);
    expect(runtime.signature.inputs).toMatchObject([{ name: 'features' }]);

    expect(tracking.versionsOf('complete-model')).toMatchObject([
      {
        run: result!.run,
        source: result!.artifactUri,
        tags: {
          [mlflow.lineageTags.runKey]: runKey,
          [mlflow.lineageTags.snapshot]: 'flights@1',
          [mlflow.lineageTags.trainingSet]: finishedId,
          [mlflow.lineageTags.commit]: '0123456789abcdef',
        },
      },
    ]);
  });

  it('tells every transition as an event', async () => {
    const { id } = await submitted(aJob('events'));
    await ended(id);

    await eventually(
      () =>
        expect(transitions.filter((job) => job.id === id).map(({ state }) => state)).toEqual([
          'queued',
          'running',
          'succeeded',
        ]),
      patiently,
    );
  });

  it('of logistic regression has equal bits too', async () => {
    const { id } = await submitted(
      aJob('logistic', { spec: { algorithm: 'logistic-regression', params: {} } }),
    );

    expect(await ended(id)).toMatchObject({
      state: 'succeeded',
      result: { parity: { different: 0 }, model: null },
    });
  });

  it('with a run key that has a result is answered from it, whatever its name', async () => {
    const first = await ended((await submitted(aJob('cache'))).id);

    const again = await submitted({ ...aJob('cache'), name: 'cache', experiment: 'elsewhere' });

    expect(again).toMatchObject({
      ...{ id: first.id, runKey: first.runKey, state: 'succeeded' },
      result: { ...first.result, cached: true },
    });
    expect(tracking.runsOf('elsewhere')).toEqual([]);
  });

  it('whose result is to be registered under another name trains again, to equal bytes', async () => {
    const unnamed = await ended((await submitted(aJob('named-later'))).id);
    const request = aJob('named-later', { registerAs: 'later-model' });

    const named = await ended((await submitted(request)).id);
    const other = await submitted({ ...request, registerAs: 'other-model' });
    const [namedAgain, any] = [await submitted(request), await submitted(aJob('named-later'))];
    await ended(other.id);

    expect(new Set([unnamed.id, named.id, other.id]).size).toBe(3);
    expect(named.result).toMatchObject({
      ...{ cached: false, onnxSha256: unnamed.result!.onnxSha256 },
      model: { name: 'later-model', version: 1 },
    });
    expect(namedAgain).toMatchObject({ id: named.id, result: { cached: true } });
    expect(any.result).toMatchObject({ cached: true });
    expect(tracking.versionsOf('later-model')).toHaveLength(1);
    expect(tracking.versionsOf('other-model')).toHaveLength(1);
  });

  it('is one job when it is submitted twice at the same time', async () => {
    const jobs = await Promise.all([1, 2, 3, 4].map(() => submitted(aJob('twice'))));

    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    await ended(jobs[0]!.id);
    expect(tracking.runsOf('twice')).toHaveLength(1);
  });

  it('that rebuilds trains again, gives equal bytes, and is one job when submitted twice', async () => {
    const first = await ended((await submitted(aJob('rebuilt'))).id);

    const jobs = await Promise.all(
      [1, 2, 3].map(() => submitted(aJob('rebuilt', { rebuild: true }))),
    );
    const again = await ended(jobs[0]!.id);

    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(again.id).not.toBe(first.id);
    expect(again.result).toMatchObject({ cached: false, onnxSha256: first.result!.onnxSha256 });
    expect(again.result!.run).not.toBe(first.result!.run);
  });

  it('trains again when the files of its result are gone', async () => {
    const first = await ended((await submitted(aJob('lost'))).id);
    for (const path of tracking.filesOf(first.result!.run).keys())
      tracking.artifacts.delete(`${first.result!.run}/artifacts/${path}`);

    const jobs = await Promise.all([1, 2].map(() => submitted(aJob('lost'))));
    const again = await ended(jobs[0]!.id);

    expect(jobs[1]!.id).toBe(jobs[0]!.id);
    expect(again.id).not.toBe(first.id);
    expect(again.result).toMatchObject({ cached: false, onnxSha256: first.result!.onnxSha256 });
    expect((await submitted(aJob('lost'))).id).toBe(again.id);
  });

  it('of uncommitted code is no release, has another run key, and its run says so', async () => {
    const dirty = { code: { commit: '0123456789abcdef', dirty: true } };

    const refused = await call('POST', '/jobs', aJob('dirty', { release: true, spec: dirty }));
    const clean = await submitted(aJob('dirty'));
    const changed = await submitted(aJob('dirty', { spec: dirty }));
    await ended(clean.id);
    await ended(changed.id);

    expect(refused).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument', details: { field: 'spec.code.dirty' } },
    });
    expect(changed.runKey).not.toBe(clean.runKey);
    expect(tracking.runsOf('dirty').map(({ tags }) => tags['mlflow.git.dirty'])).toEqual([
      'false',
      'true',
    ]);
  });

  it('that cannot split says so on its run and its version', async () => {
    const { id } = await submitted(
      aJob('flat', {
        registerAs: 'flat-model',
        spec: { params: { trees: 3, minRowsPerLeaf: 300 } },
      }),
    );

    expect((await ended(id)).state).toBe('succeeded');
    const reason: unknown = expect.stringContaining('minimum leaf 300');
    expect(tracking.runsOf('flat')).toMatchObject([{ tags: { 'flywheel.warnings': reason } }]);
    expect(tracking.versionsOf('flat-model')).toMatchObject([
      { tags: { 'flywheel.warnings': reason } },
    ]);
  });

  it.each<[string, { spec?: Body } & Body, string]>([
    ['an unknown parameter', { spec: { params: { tree: 5 } } }, 'spec.params.tree'],
    [
      'a parameter out of range',
      { spec: { params: { learningRate: 0 } } },
      'spec.params.learningRate',
    ],
    ['an unknown algorithm', { spec: { algorithm: 'magic' } }, 'body.spec.algorithm'],
    ['an unknown training set', { spec: { trainingSet: 'none' } }, 'spec.trainingSet'],
    [
      'a training set that is being made',
      { spec: { trainingSet: unfinishedId } },
      'spec.trainingSet',
    ],
    [
      'a test that begins before the validation',
      { spec: { split: { validFrom: timeOfRow(9), testFrom: timeOfRow(9) } } },
      'spec.split.testFrom',
    ],
    [
      'a release of a tag, which may move',
      { release: true, spec: { code: { commit: 'v1.0.0-rc.1', dirty: false } } },
      'spec.code.commit',
    ],
  ])('of %s is refused naming the field', async (name, change, field) => {
    expect(await call('POST', '/jobs', aJob(name.replaceAll(/\W/g, '-'), change))).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument', details: { field } },
    });
  });

  it.each<[string, Body]>([
    ['train', { validFrom: timeOfRow(-1) }],
    ['validation', { validFrom: timeOfRow(rowCount) }],
    ['test', { validFrom: timeOfRow(VALID_FROM), testFrom: timeOfRow(rowCount) }],
  ])('whose split leaves no rows for %s fails naming the field', async (part, split) => {
    const { id } = await submitted(aJob(`no-${part}`, { spec: { split } }));

    const { state, error, attempt } = await ended(id);

    expect({ state, attempt }).toEqual({ state: 'failed', attempt: 1 });
    expect(error).toContain(`spec.split: leaves no rows for ${part}`);
  });

  it('and a study that do not exist are not found', async () => {
    for (const [method, path] of [
      ['GET', '/jobs/none'],
      ['POST', '/jobs/none/cancel'],
      ['GET', '/studies/none'],
    ] as const)
      expect(await call(method, path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('a cancelled job', () => {
  it('ends in the middle of its training, its run as killed, and cannot be cancelled again', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    const { id } = await submitted(aJob('cancelled', { spec: { params: endless } }));
    await held.reached;
    const waiting = jobNow(id, 30_000);
    held.release();

    const cancelled = await call('POST', `/jobs/${id}/cancel`);

    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
    expect(await waiting).toMatchObject({ id });
    await eventually(
      () => expect(tracking.runsOf('cancelled')).toMatchObject([{ status: 'KILLED' }]),
      patiently,
    );
    expect(await jobNow(id)).toMatchObject({ state: 'cancelled', attempt: 1, error: null });
    expect(await call('POST', `/jobs/${id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'conflict', details: { state: 'cancelled' } },
    });
  });

  it('that had waited never runs, and the same request is a new job', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    const first = await submitted(aJob('before'));
    await held.reached;
    const { id } = await submitted(aJob('waited'));

    await call('POST', `/jobs/${id}/cancel`);
    held.release();
    const again = await submitted(aJob('waited'));

    expect((await ended(first.id)).state).toBe('succeeded');
    expect(again.id).not.toBe(id);
    expect((await ended(again.id)).state).toBe('succeeded');
    expect(await jobNow(id)).toMatchObject({ state: 'cancelled', attempt: 0 });
    expect(tracking.runsOf('waited')).toHaveLength(1);
  });
});

describe('while another service is away', () => {
  it('a job is tried again, every try an attempt', async () => {
    tracking.goAway(2, mlflow.mlflowCreateRun);

    const { id } = await submitted(aJob('patient', { registerAs: 'patient-model' }));

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 3, error: null });
    expect(tracking.runsOf('patient').map(({ status }) => status)).toEqual(['FINISHED']);
    expect(tracking.versionsOf('patient-model')).toHaveLength(1);
  });

  it('a job waits for its training set', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    await submitted(aJob('first-in-line'));
    await held.reached;
    const { id } = await submitted(aJob('second-in-line'));
    featureStore.away = 4;
    held.release();

    const { state, attempt } = await ended(id);

    expect({ state, left: Math.max(featureStore.away, 0) }).toEqual({
      state: 'succeeded',
      left: 0,
    });
    expect(attempt).toBeGreaterThan(1);
  });

  it('a job is registered once', async () => {
    tracking.goAway(1, mlflow.mlflowCreateModelVersion);

    const { id } = await submitted(aJob('registered-once', { registerAs: 'registered-once' }));

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(tracking.runsOf('registered-once').map(({ status }) => status)).toEqual([
      'FAILED',
      'FINISHED',
    ]);
    expect(tracking.versionsOf('registered-once')).toHaveLength(1);
  });

  it('a job whose run was begun but not answered ends it', async () => {
    tracking.loseReply(mlflow.mlflowCreateRun);

    const { id } = await submitted(aJob('run-unanswered'));

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(tracking.runsOf('run-unanswered').map(({ status }) => status)).toEqual([
      'KILLED',
      'FINISHED',
    ]);
  });

  it('a job whose version was registered but not answered has that one', async () => {
    tracking.loseReply(mlflow.mlflowCreateModelVersion);

    const { id } = await submitted(aJob('unanswered', { registerAs: 'unanswered' }));

    expect(await ended(id)).toMatchObject({
      ...{ state: 'succeeded', attempt: 2 },
      result: { model: { name: 'unanswered', version: 1 } },
    });
    expect(tracking.versionsOf('unanswered')).toHaveLength(1);
  });

  it('what was trained is kept', async () => {
    const held = tracking.hold('upload-artifact');
    const { id } = await submitted(aJob('kept'));
    await held.reached;
    tracking.goAway(TRIES - 1, 'upload-artifact');
    held.release();

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  it('a job whose end could not be stored is not trained again', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    const { id } = await submitted(aJob('stored'));
    await held.reached;
    Object.assign(database, { statement: 'update jobs', left: 2 });
    held.release();

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(database.left).toBe(0);
    expect(tracking.runsOf('stored').map(({ status }) => status)).toEqual(['FINISHED']);
  });

  it('a trial that could not be stored is not made again', async () => {
    Object.assign(database, { statement: 'update studies', left: 2 });

    const { id } = await studied(aStudy('trials-stored', { trials: 2 }));

    expect(await studyEnded(id)).toMatchObject({ state: 'succeeded' });
    expect(database.left).toBe(0);
    expect(tracking.runsOf('trials-stored')).toHaveLength(2);
  });

  it('for good a job fails, says why, and the next is not held up', async () => {
    tracking.goAway(1_000_000);
    const { id } = await submitted(aJob('in-vain'));

    const { state, attempt, error } = await ended(id);
    tracking.comeBack();

    expect({ state, attempt }).toEqual({ state: 'failed', attempt: TRIES });
    expect(error).toContain('"service":"tracking"');
    const again = await submitted(aJob('in-vain'));
    expect(again.id).not.toBe(id);
    expect((await ended(again.id)).state).toBe('succeeded');
  });

  it('a study goes on from its trials, and their number is exact', async () => {
    const undisturbed = await studyEnded((await studied(aStudy('undisturbed'))).id);

    const held = tracking.hold(mlflow.mlflowCreateRun, 2);
    const { id } = await studied(aStudy('disturbed'));
    await held.reached;
    tracking.goAway(2, mlflow.mlflowCreateRun);
    held.release();
    const disturbed = await studyEnded(id);

    expect(disturbed).toMatchObject({ state: 'succeeded', error: null });
    expect(trialsOf(disturbed)).toEqual(trialsOf(undisturbed));
    expect(tracking.runsOf('disturbed').map(({ name, status }) => [name, status])).toEqual(
      [0, 1, 2, 3].map((number) => [`disturbed-${number}`, 'FINISHED']),
    );
  });

  it('for good a study fails; asked for again it is another that keeps the trials', async () => {
    const held = tracking.hold(mlflow.mlflowCreateRun, 2);
    const { id } = await studied(aStudy('given-up'));
    await held.reached;
    tracking.goAway(1_000_000);
    held.release();
    const failed = await studyEnded(id);
    tracking.comeBack();

    expect(failed).toMatchObject({ state: 'failed', trials: [{ number: 0 }, { number: 1 }] });
    expect(failed.error).toContain('"service":"tracking"');
    const again = await studied(aStudy('given-up'));
    expect(again.id).not.toBe(id);
    const { state, trials } = await studyEnded(again.id);
    expect({ state, length: trials.length }).toEqual({ state: 'succeeded', length: 4 });
    expect(trials.slice(0, 2)).toEqual(failed.trials);
  });
});

describe('a study', () => {
  it('makes each trial a run and gives the best', async () => {
    const { id } = await studied(aStudy('plain'));

    const study = await studyEnded(id);

    expect(study).toMatchObject({ state: 'succeeded', trialsWanted: 4, error: null });
    const values = study.trials.map(({ value }) => value!);
    expect(study.best).toMatchObject({ value: Math.min(...values) });
    expect(study.trials[study.best!.number]).toMatchObject(study.best!);
    const runs = tracking.runsOf('plain');
    expect(runs.map((run) => run.id)).toEqual(study.trials.map(({ run }) => run));
    for (const [number, run] of runs.entries()) {
      expect(run).toMatchObject({
        ...{ name: `plain-${number}`, status: 'FINISHED' },
        tags: { 'flywheel.study': id, 'flywheel.trial': String(number) },
        params: { trees: '4' },
      });
      expect(run.metrics.filter(({ key }) => key === 'valid_log_loss')).toHaveLength(4);
      expect([...tracking.filesOf(run.id).keys()]).toEqual(['learning-curve.json']);
    }
  });

  it('of the same seed has the same trials, of another seed others', async () => {
    const studies = await Promise.all(
      [
        aStudy('seed-a', { trials: 2 }),
        aStudy('seed-b', { trials: 2 }),
        aStudy('seed-c', { trials: 1, seed: 4 }),
      ].map(async (request) => studyEnded((await studied(request)).id)),
    );

    const [first, second, other] = studies.map(trialsOf);
    expect(first).toHaveLength(2);
    expect(second).toEqual(first);
    expect(other![0]!.params).not.toEqual(first![0]!.params);
  });

  it('is one study when it is asked for twice, at the same time or when it is done', async () => {
    const request = aStudy('asked-twice', { trials: 2 });

    const asked = await Promise.all([1, 2, 3].map(() => studied(request)));
    const done = await studyEnded(asked[0]!.id);
    const again = await studied({ ...request, seed: 3 });

    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    expect(again).toEqual(done);
    expect(tracking.runsOf('asked-twice')).toHaveLength(2);
  });

  it('of more trials begins with those that were made, of fewer makes none', async () => {
    const ofTrials = async (trials: number) =>
      studyEnded((await studied(aStudy('raised', { trials }))).id);
    const whole = await studyEnded((await studied(aStudy('whole'))).id);

    const [two, four, three] = [await ofTrials(2), await ofTrials(4), await ofTrials(3)];

    expect(new Set([two.id, four.id, three.id]).size).toBe(3);
    expect(four.trials.slice(0, 2)).toEqual(two.trials);
    expect(three.trials).toEqual(four.trials.slice(0, 3));
    expect(trialsOf(four)).toEqual(trialsOf(whole));
    expect(four.best).toEqual(whole.best);
    expect(three.best!.value).toBe(Math.min(...three.trials.map(({ value }) => value!)));
    expect(tracking.runsOf('raised')).toHaveLength(4);
  });

  it('pays once for equal parameters', async () => {
    const { id } = await studied(
      aStudy('repeats', { space: { maxLeaves: { kind: 'int', low: 2, high: 5 } }, trials: 14 }),
    );

    const { trials, state } = await studyEnded(id);

    expect(state).toBe('succeeded');
    expect(trials).toHaveLength(14);
    const distinct = new Set(trials.map(({ params }) => params['maxLeaves']));
    expect(tracking.runsOf('repeats')).toHaveLength(distinct.size);
    for (const { params, run, value } of trials) {
      const first = trials.find((trial) => trial.params['maxLeaves'] === params['maxLeaves']);
      expect({ run, value }).toEqual({ run: first!.run, value: first!.value });
    }
  });

  it.each<[string, Body, string]>([
    ['an empty space', { space: {} }, 'space'],
    [
      'a range upside down',
      { space: { learningRate: { kind: 'float', low: 0.3, high: 0.1 } } },
      'space.learningRate.high',
    ],
    ['an unknown parameter', { space: { tree: { kind: 'int', low: 1, high: 2 } } }, 'space.tree'],
    [
      'a range that leaves what is allowed',
      { space: { learningRate: { kind: 'float', low: 0.1, high: 100 } } },
      'space.learningRate',
    ],
    ['a fixed parameter out of range', { fixed: { trees: -1 } }, 'fixed.trees'],
    ['an unknown training set', { trainingSet: 'none' }, 'trainingSet'],
    ['a training set that is being made', { trainingSet: unfinishedId }, 'trainingSet'],
    [
      'a test that begins before the validation',
      { split: { validFrom: timeOfRow(9), testFrom: timeOfRow(8) } },
      'split.testFrom',
    ],
    ['no trials', { trials: 0 }, 'body.trials'],
  ])('of %s is refused naming the field', async (name, change, field) => {
    expect(await call('POST', '/studies', aStudy(name.replaceAll(' ', '-'), change))).toMatchObject(
      { status: 400, body: { code: 'invalid_argument', details: { field } } },
    );
  });

  it('whose split leaves no rows fails and says so', async () => {
    const split = { validFrom: timeOfRow(rowCount) };

    const { id } = await studied(aStudy('rowless', { split }));

    const failed = await studyEnded(id);
    expect(failed).toMatchObject({ state: 'failed', trials: [], best: null });
    expect(failed.error).toContain('split: leaves no rows for validation');
  });
});

describe('an alert', () => {
  const anAlert = (id: string, change: Partial<monitor.Alert> = {}): monitor.Alert => ({
    ...{ id, fingerprint: `${id}-fingerprint`, state: 'firing', signal: 'drift' },
    ...{ severity: 'warning', endpoint: id, model: 'm', version: 1, feature: null },
    ...{ summary: 'it drifts', value: 1, threshold: 0.5, at: timeOfRow(0), report: 'r' },
    ...change,
  });
  const proposalsOf = async (endpoint: string) => {
    const { jobs } = (await call('GET', '/jobs')).body as { jobs: shapes.Job[] };
    return jobs.filter(({ name }) => name === `retrain-${endpoint}`);
  };
  /** Publishes in order; gives when all of it was handled: the last one's proposal is there. */
  async function published(alerts: readonly monitor.Alert[]): Promise<void> {
    const last = anAlert(`after-${alerts[0]!.id}-${alerts.length}`, {
      fingerprint: alerts[0]!.fingerprint,
    });
    for (const alert of [...alerts, last]) await bus.publish(monitor.alertChanged, alert);
    await eventually(
      async () => expect(await proposalsOf(last.endpoint)).toHaveLength(1),
      patiently,
    );
  }

  it('that begins firing becomes one proposal though it is delivered twice', async () => {
    const alert = anAlert('fires');

    await published([alert, alert]);

    expect(await proposalsOf('fires')).toMatchObject([
      {
        ...{ state: 'proposed', spec: null, attempt: 0 },
        cause: { kind: 'alert', reference: 'fires', reason: 'it drifts (alert fires)' },
      },
    ]);
    await eventually(
      () => expect(transitions.filter(({ name }) => name === 'retrain-fires')).toHaveLength(1),
      patiently,
    );
  });

  it('adds its reason to a proposal that is open, and one that is resolved adds nothing', async () => {
    const more = { endpoint: 'worse', fingerprint: 'worse', summary: 'it loses' };

    await published([
      anAlert('worse', { fingerprint: 'worse' }),
      anAlert('worse-2', more),
      anAlert('worse-3', { ...more, state: 'resolved' }),
    ]);

    expect(await proposalsOf('worse')).toMatchObject([
      { cause: { reason: 'it drifts (alert worse); it loses (alert worse-2)' } },
    ]);
  });

  it('whose proposal was declined does not come back when it is delivered again', async () => {
    const alert = anAlert('declined');
    await published([alert]);
    const [proposal] = await proposalsOf('declined');
    const declined = await call('POST', `/jobs/${proposal!.id}/cancel`);

    await published([alert, alert]);

    expect(declined).toMatchObject({ status: 200, body: { state: 'declined' } });
    expect(await proposalsOf('declined')).toMatchObject([{ id: proposal!.id, state: 'declined' }]);
  });
});

describe('when the process ends', () => {
  it('a job that ran and one that waited run at the next start', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    const ran = await submitted(aJob('cut-off', { registerAs: 'cut-off-model' }));
    const waited = await submitted(aJob('not-begun'));
    await held.reached;

    await stop();
    await start();

    expect(await ended(ran.id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(await ended(waited.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(
      tracking.runsOf('cut-off').map(({ status, tags }) => [status, tags['flywheel.attempt']]),
    ).toEqual([
      ['KILLED', '1'],
      ['FINISHED', '2'],
    ]);
    expect(tracking.versionsOf('cut-off-model')).toHaveLength(1);
  });

  it('a run whose end could not be told is ended by the next attempt', async () => {
    const held = tracking.hold(mlflow.mlflowLogBatch);
    const { id } = await submitted(aJob('untold'));
    await held.reached;

    tracking.goAway(1_000_000);
    await stop();
    tracking.comeBack();
    await start();

    expect(await ended(id)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(tracking.runsOf('untold').map(({ status }) => status)).toEqual(['KILLED', 'FINISHED']);
  });

  it('a study goes on as if it had not been cut off', async () => {
    const unbroken = await studyEnded((await studied(aStudy('unbroken', { trials: 11 }))).id);
    const held = tracking.hold(mlflow.mlflowUpdateRun, 9);
    const { id } = await studied(aStudy('broken', { trials: 11 }));
    await held.reached;

    tracking.goAway(1_000_000);
    await stop();
    tracking.comeBack();
    await start();

    const broken = await studyEnded(id);
    expect(trialsOf(broken)).toEqual(trialsOf(unbroken));
    expect(broken.best).toEqual(unbroken.best);
    expect(tracking.runsOf('broken').map(({ name, status }) => [name, status])).toEqual([
      ...broken.trials.slice(0, 9).map(({ number }) => [`broken-${number}`, 'FINISHED']),
      ['broken-9', 'KILLED'],
      ['broken-9', 'FINISHED'],
      ['broken-10', 'FINISHED'],
    ]);
  });
});
