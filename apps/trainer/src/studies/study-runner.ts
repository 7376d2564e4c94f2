import { AppError, newId, toAppError } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { trainer } from '@flywheel/contracts';
import type { Analytics, Sql } from '@flywheel/storage';
import { completeParams } from '../algorithms/train.ts';
import { trainInWorker } from '../algorithms/train-in-worker.ts';
import { loadTables } from '../jobs/load-tables.ts';
import type { LocalTrainingSet, SplitTables } from '../jobs/load-tables.ts';
import { Waiters } from '../jobs/waiters.ts';
import { checkSearchSpace } from '../search/search-space.ts';
import type { SearchSpace } from '../search/search-space.ts';
import { suggestTpe } from '../search/suggest-tpe.ts';
import { bestTrial } from '../search/trial.ts';
import type { Trial } from '../search/trial.ts';
import type { TrackingClient } from '../tracking/tracking-client.ts';
import type { StudyRequest } from './study-request.ts';

type Parts = {
  sql: Sql;
  tracking: TrackingClient;
  localTrainingSet: (id: string) => Promise<LocalTrainingSet>;
  openAnalytics: () => Promise<Analytics>;
  clock: Clock;
  log: Logger;
};

/**
 * Hyperparameter studies, one at a time. Trial i is suggested from the stored results before it alone, so that a study
 * that was cut off goes on as if it had not been; the wanted number of trials is exact.
 */
export class StudyRunner {
  readonly #parts: Parts;
  readonly #waiters = new Waiters();
  #queue: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async resume(): Promise<void> {
    const rows = await this.#parts.sql.query<{ id: string }>(
      `select id from studies where state = 'running' order by created_at, id`,
    );
    for (const { id } of rows) this.#enqueue(id);
  }

  async create(request: StudyRequest): Promise<trainer.Study> {
    checkSearchSpace(spaceOf(request));
    completeParams(request.algorithm, {
      ...request.fixed,
      ...Object.fromEntries(
        Object.entries(request.space).map(([name, parameter]) => [name, parameter.low]),
      ),
    });
    await this.#parts.localTrainingSet(request.trainingSet);
    const study: trainer.Study = {
      id: newId(this.#parts.clock.nowMs()),
      name: request.name,
      state: 'running',
      algorithm: request.algorithm,
      experiment: request.experiment,
      seed: request.seed,
      trialsWanted: request.trials,
      error: null,
      trials: [],
      best: null,
    };
    await this.#parts.sql.query(
      'insert into studies (id, state, request, study) values ($1, $2, $3, $4)',
      [study.id, study.state, JSON.stringify(request), JSON.stringify(study)],
    );
    this.#enqueue(study.id);
    return study;
  }

  async get(id: string, waitMs: number): Promise<trainer.Study> {
    const { study } = await this.#load(id);
    if (study.state !== 'running' || waitMs === 0) return study;
    await this.#waiters.wait(id, waitMs);
    return (await this.#load(id)).study;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('cancelled', 'the process stops'));
    await this.#queue;
  }

  #enqueue(id: string): void {
    this.#queue = this.#queue
      .then(() => this.#run(id))
      .catch((err: unknown) => {
        this.#parts.log.error(
          { err, study: id },
          'a study could not be brought to an end; it goes on at the next start',
        );
      });
  }

  async #run(id: string): Promise<void> {
    if (this.#isStopping()) return;
    const stored = await this.#load(id);
    const { request } = stored;
    let { study } = stored;
    try {
      const tables = await this.#tables(request);
      const experiment = await this.#parts.tracking.experiment(study.experiment);
      // A trial that was cut off by a restart did not happen: its number is tried again.
      study = { ...study, trials: study.trials.filter((trial) => trial.state !== 'running') };
      while (study.trials.length < study.trialsWanted) {
        this.#stopping.signal.throwIfAborted();
        study = await this.#trial(study, request, tables, experiment);
      }
      await this.#save({ ...study, state: 'succeeded' });
    } catch (error) {
      if (this.#isStopping()) return;
      this.#parts.log.error({ err: error, study: id }, 'a study failed');
      await this.#save({ ...study, state: 'failed', error: toAppError(error).message });
    }
    this.#waiters.wake(id);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #trial(
    study: trainer.Study,
    request: StudyRequest,
    tables: SplitTables,
    experiment: string,
  ): Promise<trainer.Study> {
    const { tracking } = this.#parts;
    const number = study.trials.length;
    const space = spaceOf(request);
    const suggested = suggestTpe(
      { seed: request.seed, space, direction: 'minimize' },
      number,
      study.trials.map(toTrial),
    );
    const params = { ...request.fixed, ...(suggested as Record<string, number>) }; // the space holds numbers only
    const run = await tracking.startRun(experiment, `${study.name}-${number}`, {
      'flywheel.study': study.id,
      'flywheel.trial': String(number),
      'mlflow.source.type': 'JOB',
      'mlflow.source.name': 'flywheel trainer',
    });
    const startedMs = performance.now();
    let finished: trainer.Study['trials'][number];
    try {
      await tracking.logParams(run, {
        algorithm: request.algorithm,
        training_rows: tables.train.rowCount,
        ...params,
      });
      const trained = await trainInWorker(
        {
          algorithm: request.algorithm,
          params,
          table: tables.train,
          validation: tables.validation,
          seed: request.seed,
        },
        { signal: this.#stopping.signal },
      );
      const value = trained.final?.validLogLoss ?? trained.history.at(-1)?.validLogLoss ?? null;
      await tracking.logHistory(run, trained.history);
      await tracking.logArtifact(
        run,
        'learning-curve.json',
        Buffer.from(JSON.stringify(trained.history)),
      );
      await tracking.endRun(run, 'FINISHED');
      finished = {
        number,
        run: run.id,
        state: 'complete',
        params,
        value,
        seconds: (performance.now() - startedMs) / 1000,
      };
    } catch (error) {
      await tracking
        .endRun(run, this.#stopping.signal.aborted ? 'KILLED' : 'FAILED')
        .catch(() => undefined); // the trial's own error is the one to tell
      this.#stopping.signal.throwIfAborted();
      const { retryable } = toAppError(error);
      if (retryable) throw error;
      this.#parts.log.warn({ err: error, study: study.id, trial: number }, 'a trial failed');
      finished = {
        number,
        run: run.id,
        state: 'failed',
        params,
        value: null,
        seconds: (performance.now() - startedMs) / 1000,
      };
    }
    const trials = [...study.trials, finished];
    const best = bestTrial(trials.map(toTrial), 'minimize');
    const bestOf = trials.find((trial) => trial.number === best?.number);
    const changed = {
      ...study,
      trials,
      best:
        bestOf?.value == null
          ? null
          : { number: bestOf.number, params: bestOf.params, value: bestOf.value },
    };
    await this.#save(changed);
    this.#waiters.wake(study.id);
    return changed;
  }

  async #tables(request: StudyRequest): Promise<SplitTables> {
    const source = await this.#parts.localTrainingSet(request.trainingSet);
    await using analytics = await this.#parts.openAnalytics();
    return await loadTables(analytics, source, request.split, { maximumRows: request.maximumRows });
  }

  async #load(id: string): Promise<{ study: trainer.Study; request: StudyRequest }> {
    const [row] = await this.#parts.sql.query<{ study: unknown; request: StudyRequest }>(
      'select study, request from studies where id = $1',
      [id],
    );
    if (!row) throw new AppError('not_found', 'there is no such study', { details: { study: id } });
    return { study: trainer.study.parse(row.study), request: row.request };
  }

  async #save(study: trainer.Study): Promise<void> {
    await this.#parts.sql.query('update studies set state = $2, study = $3 where id = $1', [
      study.id,
      study.state,
      JSON.stringify(study),
    ]);
  }
}

function spaceOf(request: StudyRequest): SearchSpace {
  return Object.fromEntries(
    Object.entries(request.space).map(([name, { kind, low, high, log }]) => [
      name,
      { type: kind, low, high, log },
    ]),
  );
}

function toTrial({ number, state, params, value }: trainer.Study['trials'][number]): Trial {
  return { number, state, params, value: value ?? undefined };
}
