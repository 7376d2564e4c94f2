import { AppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { mlflow } from '@flywheel/contracts';
import type { trainer } from '@flywheel/contracts';
import type { Analytics } from '@flywheel/storage';
import { parseModel } from '../algorithms/serialize-model.ts';
import { trainInWorker } from '../algorithms/train-in-worker.ts';
import type { TrainingProgress } from '../algorithms/training-progress.ts';
import type { TrackingClient } from '../tracking/tracking-client.ts';
import { evaluateModel } from './evaluate-model.ts';
import type { FindTrainingSet } from './find-training-set.ts';
import { loadTables } from './load-tables.ts';
import { checkParity, packageModel } from './package-model.ts';

export type JobToRun = {
  job: trainer.Job;
  spec: trainer.TrainingSpec;
  runKey: string;
  experiment: string;
  registerAs: string | undefined;
  /** Result of an earlier job with the same run key: the bytes must come out equal. */
  earlier: NonNullable<trainer.Job['result']> | undefined;
};

type Parts = {
  tracking: TrackingClient;
  openAnalytics: () => Promise<Analytics>;
  findTrainingSet: FindTrainingSet;
  onProgress: (progress: TrainingProgress) => void;
  clock: Clock;
  signal: AbortSignal;
};

const MODEL_FOLDER = 'model';
const JOB_TAG = 'flywheel.job';

/** One training job: rows, model, checks, folder, run, version. Nothing is registered before every check has passed. */
export async function runJob(
  { job, spec, runKey, experiment, registerAs, earlier }: JobToRun,
  parts: Parts,
): Promise<NonNullable<trainer.Job['result']>> {
  const { tracking, openAnalytics, findTrainingSet, onProgress, clock, signal } = parts;
  const startedMs = performance.now();
  const source = await findTrainingSet(spec.trainingSet, 'spec.trainingSet');
  const tables = await withAnalytics(openAnalytics, (analytics) =>
    loadTables(analytics, source, spec.split, { field: 'spec.split' }),
  );
  const snapshot = source.set.request.spine.snapshot;
  const lineage = {
    [mlflow.lineageTags.runKey]: runKey,
    [mlflow.lineageTags.snapshot]: snapshot,
    [mlflow.lineageTags.trainingSet]: spec.trainingSet,
    [mlflow.lineageTags.commit]: spec.code.commit,
    'mlflow.git.dirty': String(spec.code.dirty),
  };
  const experimentId = await tracking.experiment(experiment);
  if (job.attempt > 1) await tracking.killRuns(experimentId, JOB_TAG, job.id);
  const run = await tracking.startRun(experimentId, job.name, {
    ...lineage,
    [JOB_TAG]: job.id,
    'flywheel.attempt': String(job.attempt),
    'mlflow.source.type': 'JOB',
    'mlflow.source.name': 'flywheel trainer',
  });
  try {
    await tracking.logParams(run, {
      algorithm: spec.algorithm,
      seed: spec.seed,
      training_rows: tables.train.rowCount,
      ...spec.params,
    });
    const trained = await trainInWorker(
      {
        algorithm: spec.algorithm,
        params: spec.params,
        table: tables.train,
        validation: tables.validation,
        seed: spec.seed,
        provenance: { runKey, snapshot },
      },
      { onProgress, signal },
    );
    if (earlier && earlier.onnxSha256 !== trained.digest)
      throw new AppError('internal', 'the same run key gave other bytes', {
        details: { earlier: earlier.onnxSha256, now: trained.digest },
      });
    await tracking.logHistory(run, trained.history);
    const warnings: Record<string, string> =
      trained.warnings.length === 0 ? {} : { 'flywheel.warnings': trained.warnings.join('; ') };
    await tracking.setTags(run, warnings);

    const model = parseModel(trained.modelJson);
    const parity = await checkParity(model, trained.onnx, tables.validation, signal);
    if (parity.differing > 0)
      throw new AppError('internal', 'trainer and ONNX Runtime do not give the same bits', {
        details: { parity },
      });
    const validation = evaluateModel(model, tables.validation);
    const test = tables.test ? evaluateModel(model, tables.test) : null;
    await tracking.logMetrics(run, {
      ...metricsOf('valid', validation),
      ...(test ? metricsOf('test', test) : {}),
    });

    const files = await packageModel(trained.onnx, {
      artifactPath: MODEL_FOLDER,
      runId: run.id,
      createdMs: clock.nowMs(),
      metadata: { run_key: runKey, training_set: spec.trainingSet },
    });
    for (const [name, bytes] of files)
      await tracking.logArtifact(run, `${MODEL_FOLDER}/${name}`, bytes);
    await tracking.logArtifact(run, 'trainer/model.json', Buffer.from(trained.modelJson));
    signal.throwIfAborted();
    await tracking.endRun(run, 'FINISHED');
    const tags = { ...lineage, ...warnings, [JOB_TAG]: job.id };
    // An earlier attempt may have come this far, with the same bytes.
    const version =
      registerAs === undefined
        ? null
        : {
            name: registerAs,
            version: await tracking.register(registerAs, run, MODEL_FOLDER, {
              tags,
              once: JOB_TAG,
            }),
          };
    return {
      run: run.id,
      cached: false,
      model: version,
      artifactUri: `${run.artifactUri}/${MODEL_FOLDER}`,
      onnxSha256: trained.digest,
      parity: { rows: parity.rows, different: parity.differing },
      validation,
      test,
      seconds: (performance.now() - startedMs) / 1000,
    };
  } catch (error) {
    await tracking.endRun(run, signal.aborted ? 'KILLED' : 'FAILED').catch(() => undefined); // the job's own error is the one to tell
    throw error;
  }
}

function metricsOf(
  part: string,
  { auc, logLoss, brier }: { auc: number; logLoss: number; brier: number },
): Record<string, number> {
  return { [`${part}_auc`]: auc, [`${part}_log_loss_final`]: logLoss, [`${part}_brier`]: brier };
}

async function withAnalytics<T>(
  open: () => Promise<Analytics>,
  work: (analytics: Analytics) => Promise<T>,
): Promise<T> {
  await using analytics = await open();
  return await work(analytics);
}
