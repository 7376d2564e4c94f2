import type { Pair } from '../wire/parameters.ts';

/** An experiment as MLflow writes it. */
export type Experiment = {
  readonly experiment_id: string;
  readonly name: string;
  readonly artifact_location: string;
  readonly lifecycle_stage: string;
  readonly creation_time: number;
  readonly last_update_time: number;
  readonly tags?: readonly Pair[];
};

/** A row of `experiments`, whose big id is selected as text. */
export type ExperimentRow = {
  id: string;
  name: string;
  artifact_location: string;
  lifecycle: string;
  created_ms: number;
  updated_ms: number;
  tags: Pair[];
};

/** What an ExperimentRow is selected by, from `experiments e`. */
export const experimentColumns = `e.id::text, e.name, e.artifact_location, e.lifecycle, e.created_ms, e.updated_ms,
  coalesce((select json_agg(json_build_object('key', t.key, 'value', t.value) order by t.key collate "C")
            from experiment_tags t where t.experiment = e.id), '[]'::json) as tags`;

export function toExperiment(row: ExperimentRow): Experiment {
  return {
    experiment_id: row.id,
    name: row.name,
    artifact_location: row.artifact_location,
    lifecycle_stage: row.lifecycle,
    creation_time: row.created_ms,
    last_update_time: row.updated_ms,
    ...(row.tags.length === 0 ? {} : { tags: row.tags }),
  };
}

/** Stages that a search may look at; active ones unless given. */
export const viewTypes = { ACTIVE_ONLY: 1, DELETED_ONLY: 2, ALL: 3 } as const;
export type ViewType = keyof typeof viewTypes;

/** The stages a view shows. */
export function lifecyclesOf(view: ViewType | undefined): readonly string[] {
  if (view === 'ALL') return ['active', 'deleted'];
  return view === 'DELETED_ONLY' ? ['deleted'] : ['active'];
}
