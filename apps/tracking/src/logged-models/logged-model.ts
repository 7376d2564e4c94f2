import type { Int64 } from '../wire/int64.ts';
import type { Pair } from '../wire/parameters.ts';

export const modelStatuses = {
  LOGGED_MODEL_PENDING: 1,
  LOGGED_MODEL_READY: 2,
  LOGGED_MODEL_UPLOAD_FAILED: 3,
} as const;
export type ModelStatus = keyof typeof modelStatuses;

/** What filters call a status. */
export const statusWords = {
  LOGGED_MODEL_PENDING: 'PENDING',
  LOGGED_MODEL_READY: 'READY',
  LOGGED_MODEL_UPLOAD_FAILED: 'FAILED',
} as const satisfies Record<ModelStatus, string>;

/** The latest value of a metric of a model, per run and dataset. */
export type ModelMetric = {
  readonly key: string;
  readonly value: number | 'NaN';
  readonly timestamp: Int64;
  readonly step: Int64;
  readonly run_id: string;
  readonly model_id: string;
  readonly dataset_name?: string;
  readonly dataset_digest?: string;
};

/** A logged model as MLflow writes it. */
export type LoggedModel = {
  readonly info: {
    readonly model_id: string;
    readonly experiment_id: string;
    readonly name: string;
    readonly creation_timestamp_ms: number;
    readonly last_updated_timestamp_ms: number;
    readonly artifact_uri: string;
    readonly status: ModelStatus;
    readonly model_type: string;
    readonly source_run_id: string;
    readonly tags?: readonly Pair[];
  };
  readonly data: {
    readonly params?: readonly Pair[];
    readonly metrics?: readonly ModelMetric[];
  };
};

export type LoggedModelRow = {
  id: string;
  experiment: string;
  name: string;
  model_type: string;
  source_run: string;
  status: string;
  lifecycle: string;
  artifact_uri: string;
  created_ms: number;
  updated_ms: number;
};

/** Columns of a LoggedModelRow, from `logged_models m`. */
export const modelColumns =
  'm.id, m.experiment::text, m.name, m.model_type, m.source_run, m.status, m.lifecycle, m.artifact_uri, m.created_ms, m.updated_ms';
