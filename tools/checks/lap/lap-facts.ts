import type { LapReport } from '@flywheel/contracts';

/** Topics on which a whole lap leaves events. */
const topics = [
  'ingest.records',
  'features.definitions',
  'inference.predictions',
  'inference.shadows',
  'inference.feedback',
  'inference.outcomes',
  'registry.models',
  'registry.deployments',
  'training.jobs',
  'monitor.reports',
];
const usualRows = 300_000;
const leastSteps = 11;

/**
 * What in the facts of a lap does not add up; empty when all is well. Nothing here depends on how fast the machine
 * is: speed is measured elsewhere.
 */
export function findLapFaults(lap: LapReport, leastRows = usualRows): readonly string[] {
  const faults: string[] = [];
  const demand = (holds: boolean | undefined, otherwise: string): void => {
    if (holds !== true) faults.push(otherwise);
  };
  demand(lap.ok, 'the lap itself says that it failed');
  demand(lap.rows >= leastRows, `${lap.rows} rows are fewer than ${leastRows}`);
  demand(lap.steps.length >= leastSteps, `${lap.steps.length} steps are fewer than ${leastSteps}`);
  for (const step of lap.steps) demand(step.ok, `step "${step.name}" failed`);
  demand(lap.dropped === 0, `${lap.dropped} acknowledged events are not in the log`);
  demand(lap.serving?.failed === 0, `${lap.serving?.failed ?? 'unknown'} requests failed`);
  demand(lap.serving?.retried === 0, 'requests had to be tried again');
  demand((lap.serving?.requests ?? 0) > 1000, 'hardly a request was served');
  demand(lap.promotion?.promoted, 'nothing was promoted');
  demand(lap.promotion?.failedRequests === 0, 'requests failed while a model was promoted');
  faults.push(...findModelFaults(lap), ...findBookFaults(lap));
  for (const topic of topics) demand((lap.events[topic] ?? 0) > 0, `there is no event on ${topic}`);
  return faults;
}

/** The promoted model must be the better one, on flights that no training saw. */
function findModelFaults({ models }: LapReport): readonly string[] {
  if (models === null) return ['there are no models'];
  const { champion, candidate } = models;
  const faults: string[] = [];
  for (const model of [champion, candidate]) {
    const [low, high] = model.aucInterval;
    const isSound = low <= model.auc && model.auc <= high && model.auc < 1;
    if (!isSound) faults.push(`the AUC of version ${model.version} is not inside its interval`);
  }
  if (champion.auc <= 0.6) faults.push(`the champion's AUC is ${champion.auc}`);
  return faults;
}

/** Every request that could have gone to a shadow is accounted for. */
function findBookFaults({ shadows }: LapReport): readonly string[] {
  if (shadows === null) return ['there are no books of the shadows'];
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const { eligible, sampled, unsampled, sent, shed, answered, failed } = shadows;
  const closes =
    eligible === sampled + unsampled &&
    sampled === sent + sum(shed) &&
    sent === answered + sum(failed);
  if (!closes) return [`the books of the shadows do not close: ${JSON.stringify(shadows)}`];
  return answered > 1000 ? [] : [`the shadows answered only ${answered} requests`];
}
