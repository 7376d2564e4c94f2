import { AppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { mlflow } from '@flywheel/contracts';
import type { Owner } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import type { TrainingProgress } from '../algorithms/training-progress.ts';

type Run = { id: string; artifactUri: string };
const METRICS_PER_CALL = 900;
const UPLOAD_WITHIN_MS = 60_000;

/** The trainer as a client of MLflow's API: experiments, runs, artifacts, registered versions. */
export class TrackingClient {
  readonly #peers: Peers;
  readonly #urlOf: (service: Owner) => string;
  readonly #clock: Clock;

  constructor(options: { peers: Peers; urlOf: (service: Owner) => string; clock: Clock }) {
    this.#peers = options.peers;
    this.#urlOf = options.urlOf;
    this.#clock = options.clock;
  }

  async experiment(name: string): Promise<string> {
    try {
      const { experiment } = await this.#peers.call(mlflow.mlflowGetExperimentByName, {
        query: { experiment_name: name },
      });
      return experiment.experiment_id;
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'not_found')) throw error;
    }
    try {
      return (await this.#peers.call(mlflow.mlflowCreateExperiment, { body: { name } }))
        .experiment_id;
    } catch (error) {
      // Somebody else made it in between: MLflow says so with a 400.
      if (error instanceof AppError && error.status < 500)
        return (
          await this.#peers.call(mlflow.mlflowGetExperimentByName, {
            query: { experiment_name: name },
          })
        ).experiment.experiment_id;
      throw error;
    }
  }

  async startRun(
    experiment: string,
    name: string,
    tags: Readonly<Record<string, string>>,
  ): Promise<Run> {
    const { run } = await this.#peers.call(mlflow.mlflowCreateRun, {
      body: {
        experiment_id: experiment,
        run_name: name,
        start_time: this.#clock.nowMs(),
        tags: pairs(tags),
      },
    });
    return { id: run.info.run_id, artifactUri: run.info.artifact_uri };
  }

  async logParams(run: Run, params: Readonly<Record<string, string | number>>): Promise<void> {
    await this.#peers.call(mlflow.mlflowLogBatch, {
      body: { run_id: run.id, params: pairs(params) },
    });
  }

  async logMetrics(run: Run, metrics: Readonly<Record<string, number>>, step = 0): Promise<void> {
    const timestamp = this.#clock.nowMs();
    await this.#peers.call(mlflow.mlflowLogBatch, {
      body: {
        run_id: run.id,
        metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp, step })),
      },
    });
  }

  /** The loss of every iteration, as steps. */
  async logHistory(run: Run, history: readonly TrainingProgress[]): Promise<void> {
    const timestamp = this.#clock.nowMs();
    const metrics = history.flatMap(({ iteration, trainLogLoss, validLogLoss }) => [
      { key: 'train_log_loss', value: trainLogLoss, timestamp, step: iteration },
      ...(validLogLoss === undefined
        ? []
        : [{ key: 'valid_log_loss', value: validLogLoss, timestamp, step: iteration }]),
    ]);
    for (let start = 0; start < metrics.length; start += METRICS_PER_CALL)
      await this.#peers.call(mlflow.mlflowLogBatch, {
        body: { run_id: run.id, metrics: metrics.slice(start, start + METRICS_PER_CALL) },
      });
  }

  async logArtifact(run: Run, path: string, bytes: Uint8Array): Promise<void> {
    const root = run.artifactUri.replace(/^mlflow-artifacts:\/{1,3}/, '');
    const url = `${this.#urlOf('tracking')}${mlflow.mlflowArtifactsPath}/${`${root}/${path}`.split('/').map(encodeURIComponent).join('/')}`;
    const answer = await fetch(url, {
      method: 'PUT',
      body: bytes,
      signal: AbortSignal.timeout(UPLOAD_WITHIN_MS),
    });
    if (!answer.ok)
      throw new AppError('unavailable', 'tracking did not take an artifact', {
        details: { status: answer.status, path },
      });
    await answer.arrayBuffer();
  }

  async endRun(run: Run, status: 'FINISHED' | 'FAILED' | 'KILLED'): Promise<void> {
    await this.#peers.call(mlflow.mlflowUpdateRun, {
      body: { run_id: run.id, status, end_time: this.#clock.nowMs() },
    });
  }

  /** Registers the run's model folder as the next version; gives its number. */
  async register(
    model: string,
    run: Run,
    path: string,
    tags: Readonly<Record<string, string>>,
  ): Promise<number> {
    try {
      await this.#peers.call(mlflow.mlflowCreateRegisteredModel, { body: { name: model } });
    } catch (error) {
      if (!(error instanceof AppError && error.status < 500)) throw error; // it is there already
    }
    const { model_version } = await this.#peers.call(mlflow.mlflowCreateModelVersion, {
      body: {
        name: model,
        source: `${run.artifactUri}/${path}`,
        run_id: run.id,
        tags: pairs(tags),
      },
    });
    return Number(model_version.version);
  }
}

function pairs(
  values: Readonly<Record<string, string | number>>,
): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: String(value) }));
}
