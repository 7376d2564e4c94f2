import type { Int64 } from '../wire/int64.ts';
import type { Pair } from '../wire/parameters.ts';
import type { WirePoint } from './point.ts';

export const runStatuses = {
  RUNNING: 1,
  SCHEDULED: 2,
  FINISHED: 3,
  FAILED: 4,
  KILLED: 5,
} as const;
export type RunStatus = keyof typeof runStatuses;

/** A run's own columns as MLflow writes them; `end_time` is left out while the run goes on. */
export type RunInfo = {
  readonly run_id: string;
  readonly run_uuid: string;
  readonly experiment_id: string;
  readonly run_name: string;
  readonly user_id: string;
  readonly status: RunStatus;
  readonly start_time: number;
  readonly end_time?: number;
  readonly artifact_uri: string;
  readonly lifecycle_stage: string;
};

export type Dataset = {
  readonly name: string;
  readonly digest: string;
  readonly source_type: string;
  readonly source: string;
  readonly schema?: string;
  readonly profile?: string;
};

export type Run = {
  readonly info: RunInfo;
  readonly data: {
    readonly metrics?: readonly WirePoint[];
    readonly params?: readonly Pair[];
    readonly tags?: readonly Pair[];
  };
  readonly inputs: {
    readonly dataset_inputs?: readonly { tags: readonly Pair[]; dataset: Dataset }[];
    readonly model_inputs?: readonly { model_id: string }[];
  };
  readonly outputs?: { readonly model_outputs: readonly { model_id: string; step: Int64 }[] };
};

/** What a RunInfo is made from; `number` is the run's own key. */
export type RunRow = {
  number: number;
  id: string;
  experiment: string;
  name: string;
  user_id: string;
  status: RunStatus;
  lifecycle: 'active' | 'deleted';
  start_ms: number;
  end_ms: number | null;
  artifact_uri: string;
};

/** Columns of a RunRow, from `runs r`. */
export const runColumns =
  'r.number, r.id, r.experiment::text, r.name, r.user_id, r.status, r.lifecycle, r.start_ms, r.end_ms, r.artifact_uri';

export function toRunInfo(row: RunRow): RunInfo {
  return {
    run_id: row.id,
    run_uuid: row.id,
    experiment_id: row.experiment,
    run_name: row.name,
    user_id: row.user_id,
    status: row.status,
    start_time: row.start_ms,
    ...(row.end_ms === null ? {} : { end_time: row.end_ms }),
    artifact_uri: row.artifact_uri,
    lifecycle_stage: row.lifecycle,
  };
}
