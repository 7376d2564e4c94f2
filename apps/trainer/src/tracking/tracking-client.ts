import { AppError, toAppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { mlflow } from '@flywheel/contracts';
import type { OperationInput, Owner } from '@flywheel/contracts';
import { CODE_HEADER, errorOfReply } from '@flywheel/http';
import type { Peers } from '@flywheel/http';
import { z } from 'zod';
import type { TrainingProgress } from '../algorithms/training-progress.ts';
import { tryAgain } from '../jobs/try-again.ts';
import type { Retries } from '../jobs/try-again.ts';

type Run = { id: string; artifactUri: string };
const METRICS_PER_CALL = 900;
const ANSWERED_WITHIN_MS = 60_000;
const artifactList = z.object({ files: z.array(z.unknown()).default([]) });
type Batch = NonNullable<OperationInput<typeof mlflow.mlflowLogBatch>['body']>;

/**
 * The trainer as a client of MLflow's API: experiments, runs, artifacts, registered versions. What changes nothing when
 * it is done twice is tried again while tracking is away, so that nothing is trained in vain.
 */
export class TrackingClient {
  readonly #peers: Peers;
  readonly #urlOf: (service: Owner) => string;
  readonly #clock: Clock;
  readonly #retries: Retries;

  constructor(options: {
    peers: Peers;
    urlOf: (service: Owner) => string;
    clock: Clock;
    retries: Retries;
  }) {
    this.#peers = options.peers;
    this.#urlOf = options.urlOf;
    this.#clock = options.clock;
    this.#retries = options.retries;
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

  /** Ends as killed what runs with this tag: whoever began it could not say how it ended. */
  async killRuns(experiment: string, tag: string, value: string): Promise<void> {
    const { runs } = await this.#peers.call(mlflow.mlflowSearchRuns, {
      body: {
        experiment_ids: [experiment],
        filter: `tags.\`${tag}\` = '${value}' and attributes.status = 'RUNNING'`,
      },
    });
    for (const { info } of runs)
      await this.endRun({ id: info.run_id, artifactUri: info.artifact_uri }, 'KILLED');
  }

  async logParams(run: Run, params: Readonly<Record<string, string | number>>): Promise<void> {
    await this.#log(run, { params: pairs(params) });
  }

  async setTags(run: Run, tags: Readonly<Record<string, string>>): Promise<void> {
    await this.#log(run, { tags: pairs(tags) });
  }

  async logMetrics(run: Run, metrics: Readonly<Record<string, number>>, step = 0): Promise<void> {
    const timestamp = this.#clock.nowMs();
    await this.#log(run, {
      metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp, step })),
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
      await this.#log(run, { metrics: metrics.slice(start, start + METRICS_PER_CALL) });
  }

  async logArtifact(run: Run, path: string, bytes: Uint8Array): Promise<void> {
    const below = `${artifactRoot(run.artifactUri)}/${path}`.split('/').map(encodeURIComponent);
    await tryAgain(
      () => this.#artifacts(`/${below.join('/')}`, { path }, { method: 'PUT', body: bytes }),
      this.#retries,
    );
  }

  /** Whether there is any file at this address or below. */
  async hasArtifacts(uri: string): Promise<boolean> {
    const path = artifactRoot(uri);
    const listed = await this.#artifacts(`?${new URLSearchParams({ path }).toString()}`, { path });
    return artifactList.parse(listed).files.length > 0;
  }

  async endRun(run: Run, status: 'FINISHED' | 'FAILED' | 'KILLED'): Promise<void> {
    await tryAgain(
      () =>
        this.#peers.call(mlflow.mlflowUpdateRun, {
          body: { run_id: run.id, status, end_time: this.#clock.nowMs() },
        }),
      this.#retries,
    );
  }

  /** Registers the run's model folder as the next version, if none has the same tag `once`; gives its number. */
  async register(
    model: string,
    run: Run,
    path: string,
    { tags, once }: { tags: Readonly<Record<string, string>>; once: string },
  ): Promise<number> {
    const { model_versions } = await this.#peers.call(mlflow.mlflowSearchModelVersions, {
      query: { filter: `name = '${model}' and tags.\`${once}\` = '${tags[once] ?? ''}'` },
    });
    const [known] = model_versions;
    if (known) return Number(known.version);
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

  async #log(run: Run, batch: Omit<Batch, 'run_id'>): Promise<void> {
    await tryAgain(
      () =>
        this.#peers.call(
          mlflow.mlflowLogBatch,
          { body: { run_id: run.id, ...batch } },
          { signal: this.#retries.signal },
        ),
      this.#retries,
    );
  }

  /** A request that is no operation: artifacts are bytes. */
  async #artifacts(
    target: string,
    details: { path: string },
    request: RequestInit = {},
  ): Promise<unknown> {
    const { status, code, text } = await exchange(
      `${this.#urlOf('tracking')}${mlflow.mlflowArtifactsPath}${target}`,
      request,
    ).catch((cause: unknown) => {
      if (cause instanceof Error && cause.name === 'TimeoutError') throw toAppError(cause);
      throw new AppError('unavailable', 'tracking cannot be reached', { cause, details });
    });
    const body = jsonOf(text);
    if (status < 300) return body;
    const error = errorOfReply({ status, code, body });
    throw new AppError(error.code, error.message, { details: { ...error.details, ...details } });
  }
}

async function exchange(url: string, request: RequestInit) {
  const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
  const answer = await fetch(url, { ...request, signal });
  const code = answer.headers.get(CODE_HEADER) ?? undefined;
  return { status: answer.status, code, text: await answer.text() };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function artifactRoot(uri: string): string {
  return uri.replace(/^mlflow-artifacts:\/{1,3}/, '');
}

function pairs(
  values: Readonly<Record<string, string | number>>,
): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: String(value) }));
}
