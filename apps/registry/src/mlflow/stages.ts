import type { Stage } from '../models/model-rows.ts';
import { refused } from './mlflow-errors.ts';

const STAGES: readonly Stage[] = ['None', 'Staging', 'Production', 'Archived'];
const ACTIVE: readonly Stage[] = ['Staging', 'Production'];

/** The stage, however it is capitalised. */
export function stageOf(text: string): Stage {
  const stage = STAGES.find((known) => known.toLowerCase() === text.toLowerCase());
  if (!stage)
    throw refused(
      `Invalid Model Version stage: ${text.slice(0, 100)}. Value must be one of ${STAGES.join(', ')}.`,
      'stage',
    );
  return stage;
}

/** Only the stages that are in use have room for one version. */
export function checkArchiving(stage: Stage): void {
  if (!ACTIVE.includes(stage))
    throw refused(
      `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are ${ACTIVE.join(', ')}.`,
      'archive_existing_versions',
    );
}
