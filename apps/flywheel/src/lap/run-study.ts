import { trainer } from '@flywheel/contracts';
import type { featureStore } from '@flywheel/contracts';
import { validFrom } from './build-features.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

const TRIALS = 6;
const TRIAL_ROWS = 60_000;

/** Step 3: a small hyperparameter study of the boosted model; every trial is a run in tracking. */
export async function runStudy(
  {
    client,
    names,
    trainingSet,
  }: { client: LapClient; names: LapNames; trainingSet: featureStore.TrainingSet },
  progress: StepProgress,
): Promise<{ facts: Facts; best: Record<string, number> }> {
  const started = await client.call(trainer.createStudy, {
    body: {
      name: `${names.model}-study`,
      experiment: names.experiment,
      algorithm: 'gradient-boosting',
      trainingSet: trainingSet.id,
      split: { validFrom },
      space: {
        learningRate: { kind: 'float', low: 0.05, high: 0.3, log: true },
        maxLeaves: { kind: 'int', low: 8, high: 64, log: true },
        minRowsPerLeaf: { kind: 'int', low: 20, high: 500, log: true },
      },
      fixed: { trees: 60 },
      trials: TRIALS,
      maximumRows: TRIAL_ROWS,
      seed: 7,
    },
  });
  const study = await waitUntil(
    'the study',
    async () => {
      const current = await client.call(trainer.getStudy, {
        params: { study: started.id },
        query: { waitMs: 1000 },
      });
      progress.update(
        current.trials.filter((trial) => trial.state !== 'running').length,
        TRIALS,
        'trials',
      );
      return current;
    },
    (current) => current.state !== 'running',
    { withinMs: 600_000 },
  );
  ensure(study.state === 'succeeded', `the study ${study.state}: ${study.error ?? ''}`);
  ensure(
    study.trials.length === TRIALS,
    `the study has ${study.trials.length} of ${TRIALS} trials`,
  );
  const { best } = study;
  ensure(best !== null, 'no trial of the study has a value');
  return {
    facts: {
      trials: study.trials.length,
      pruned: study.trials.filter((trial) => trial.state === 'pruned').length,
      bestLogLoss: best.value,
    },
    best: best.params,
  };
}
