import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { trainer } from '@flywheel/contracts';
import type { featureStore } from '@flywheel/contracts';
import { validFrom } from './build-features.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

export type FinishedJob = trainer.Job & { result: NonNullable<trainer.Job['result']> };

/** Step 4: two release jobs, pinned to commit, training set and seed: the baseline and the boosted model. */
export async function trainRelease(
  {
    client,
    names,
    trainingSet,
    best,
  }: {
    client: LapClient;
    names: LapNames;
    trainingSet: featureStore.TrainingSet;
    best: Record<string, number>;
  },
  progress: StepProgress,
): Promise<{ facts: Facts; baseline: FinishedJob; boosted: FinishedJob }> {
  const code = await codeState();
  const submit = (
    algorithm: 'logistic-regression' | 'gradient-boosting',
    params: Record<string, number>,
  ) =>
    client.call(trainer.submitJob, {
      body: {
        name: `${names.model}-${algorithm}`,
        experiment: names.experiment,
        spec: {
          algorithm,
          params,
          trainingSet: trainingSet.id,
          split: { validFrom },
          seed: 7,
          code,
        },
        release: !code.dirty,
        registerAs: names.model,
      },
    });
  const baseline = await finish(client, await submit('logistic-regression', {}));
  progress.update(1, 2, 'models');
  const boosted = await finish(client, await submit('gradient-boosting', { ...best, trees: 120 }));
  progress.update(2, 2, 'models');
  for (const job of [baseline, boosted])
    ensure(
      job.result.parity.different === 0,
      `${job.name}: ${job.result.parity.different} scores of trainer and ONNX Runtime differ`,
    );
  return {
    facts: {
      commit: code.commit.slice(0, 12) + (code.dirty ? ' plus changes' : ''),
      baselineAuc: baseline.result.validation.auc,
      boostedAuc: boosted.result.validation.auc,
      parityRows: baseline.result.parity.rows + boosted.result.parity.rows,
      differentScores: 0,
      boostedRunKey: boosted.runKey?.slice(0, 12) ?? '',
    },
    baseline,
    boosted,
  };
}

async function finish(client: LapClient, submitted: trainer.Job): Promise<FinishedJob> {
  const job = await waitUntil(
    `job ${submitted.name}`,
    () => client.call(trainer.getJob, { params: { job: submitted.id }, query: { waitMs: 5000 } }),
    (current) => !['queued', 'running'].includes(current.state),
    { withinMs: 900_000 },
  );
  const { result } = job;
  ensure(
    job.state === 'succeeded' && result !== null,
    `job ${job.name} ${job.state}: ${job.error ?? ''}`,
  );
  return { ...job, result };
}

/** Commit of the checkout this code runs from, and whether it has changes; an installed copy names no commit. */
async function codeState(): Promise<{ commit: string; dirty: boolean }> {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const git = async (...words: string[]) =>
    (await promisify(execFile)('git', words, { cwd })).stdout.trim();
  try {
    return {
      commit: await git('rev-parse', 'HEAD'),
      dirty: (await git('status', '--porcelain', '--untracked-files=no')) !== '',
    };
  } catch {
    return { commit: 'no-commit', dirty: true }; // not a git checkout
  }
}
