import { AppError, Waiters, canonicalJson, newId, sha256, toAppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { trainer } from '@flywheel/contracts';
import type { Analytics, Sql } from '@flywheel/storage';
import { trainInWorker } from '../algorithms/train-in-worker.ts';
import { checkParams, checkSplit } from '../jobs/check-request.ts';
import { errorText } from '../jobs/error-text.ts';
import type { FindTrainingSet } from '../jobs/find-training-set.ts';
import { loadTables } from '../jobs/load-tables.ts';
import type { SplitTables } from '../jobs/load-tables.ts';
import { tryAgain } from '../jobs/try-again.ts';
import type { Retries } from '../jobs/try-again.ts';
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
  findTrainingSet: FindTrainingSet;
  openAnalytics: () => Promise<Analytics>;
  clock: Clock;
  /** Their signal is aborted when the process begins to stop. */
  retries: Retries;
};

const STUDY_TAG = 'flywheel.study';

type StudyTrial = trainer.Study['trials'][number];

/**
 * Hyperparameter studies, one at a time. Trial i is suggested from the stored results before it alone, so that a study
 * that was cut off, by the end of the process or because something was away, goes on as if it had not been; the wanted
 * number of trials is exact. The same request is one study; with another number of trials it is one that begins with
 * the trials already made.
 */
export class StudyRunner {
  readonly #parts: Parts;
  readonly #waiters: Waiters;
  #queue: Promise<void> = Promise.resolve();
  readonly #stopping: AbortSignal;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#stopping = parts.retries.signal;
    this.#waiters = new Waiters(this.#stopping);
  }

  async resume(): Promise<void> {
    const rows = await this.#parts.sql.query<{ id: string }>(
      `select id from studies where state = 'running' order by created_at, id`,
    );
    for (const { id } of rows) this.#enqueue(id);
  }

  /** The study of this request that runs or is done; else a new one. */
  async create(request: StudyRequest): Promise<trainer.Study> {
    checkRequest(request);
    await this.#parts.findTrainingSet(request.trainingSet, 'trainingSet');
    const key = sha256(canonicalJson(request));
    for (;;) {
      const study = await this.#insert(key, request);
      if (study) this.#enqueue(study.id);
      const known = study ?? (await this.#findByKey(key));
      if (known) return known; // else it has failed in between
    }
  }

  get(id: string, waitMs: number): Promise<trainer.Study> {
    return this.#waiters.until(
      id,
      waitMs,
      async () => (await this.#load(id)).study,
      ({ state }) => state !== 'running',
    );
  }

  /** Settles when nothing runs any more, soon after the process began to stop. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  #enqueue(id: string): void {
    this.#queue = this.#queue
      .then(() => this.#run(id))
      .catch((err: unknown) => {
        this.#parts.retries.log.error(
          { err, study: id },
          'a study could not be brought to an end; it goes on at the next start',
        );
      });
  }

  async #run(id: string): Promise<void> {
    const log = this.#parts.retries.log.child({ study: id });
    const retries = { ...this.#parts.retries, log };
    try {
      this.#stopping.throwIfAborted();
      await tryAgain(() => this.#goOn(id), retries).catch(async (error: unknown) => {
        this.#stopping.throwIfAborted();
        log.error({ err: error }, 'a study failed');
        const { study } = await tryAgain(() => this.#load(id), retries);
        await this.#save({ ...study, state: 'failed', error: errorText(error) });
      });
    } catch (error) {
      if (!this.#stopping.aborted) throw error;
    } finally {
      this.#waiters.wake(id);
    }
  }

  async #goOn(id: string): Promise<void> {
    const stored = await this.#load(id);
    const { request } = stored;
    let { study } = stored;
    if (study.trials.length === 0) study = withTrials(study, await this.#madeTrials(request));
    const tables = await this.#tables(request);
    const experiment = await this.#parts.tracking.experiment(study.experiment);
    await this.#parts.tracking.killRuns(experiment, STUDY_TAG, id);
    while (study.trials.length < study.trialsWanted) {
      this.#stopping.throwIfAborted();
      const trial = await this.#trial(study, request, tables, experiment);
      study = withTrials(study, [...study.trials, trial]);
      await this.#save(study);
      this.#waiters.wake(id);
    }
    await this.#save({ ...study, state: 'succeeded' });
  }

  async #trial(
    study: trainer.Study,
    request: StudyRequest,
    tables: SplitTables,
    experiment: string,
  ): Promise<StudyTrial> {
    const { tracking } = this.#parts;
    const number = study.trials.length;
    const suggested = suggestTpe(
      { seed: request.seed, space: spaceOf(request), direction: 'minimize' },
      number,
      study.trials.map(toTrial),
    );
    const params = { ...request.fixed, ...(suggested as Record<string, number>) }; // the space holds numbers only
    const equal = study.trials.find(
      (trial) =>
        trial.state === 'complete' && canonicalJson(trial.params) === canonicalJson(params),
    );
    if (equal) return { ...equal, number, seconds: 0 };
    const run = await tracking.startRun(experiment, `${study.name}-${number}`, {
      [STUDY_TAG]: study.id,
      'flywheel.trial': String(number),
      'mlflow.source.type': 'JOB',
      'mlflow.source.name': 'flywheel trainer',
    });
    const startedMs = performance.now();
    const ended = (state: 'complete' | 'failed', value: number | null): StudyTrial => ({
      ...{ number, run: run.id, state, params, value },
      seconds: (performance.now() - startedMs) / 1000,
    });
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
        { signal: this.#stopping },
      );
      const value = trained.final?.validLogLoss ?? trained.history.at(-1)?.validLogLoss;
      if (value === undefined || !Number.isFinite(value))
        throw new AppError('internal', 'training gave no loss on the validation rows');
      await tracking.logHistory(run, trained.history);
      await tracking.logArtifact(
        run,
        'learning-curve.json',
        Buffer.from(JSON.stringify(trained.history)),
      );
      await tracking.endRun(run, 'FINISHED');
      return ended('complete', value);
    } catch (error) {
      await tracking
        .endRun(run, this.#stopping.aborted ? 'KILLED' : 'FAILED')
        .catch(() => undefined); // the trial's own error is the one to tell
      this.#stopping.throwIfAborted();
      if (toAppError(error).retryable) throw error;
      this.#parts.retries.log.warn(
        { err: error, study: study.id, trial: number },
        'a trial failed',
      );
      return ended('failed', null);
    }
  }

  async #tables(request: StudyRequest): Promise<SplitTables> {
    const source = await this.#parts.findTrainingSet(request.trainingSet, 'trainingSet');
    await using analytics = await this.#parts.openAnalytics();
    const { maximumRows } = request;
    return await loadTables(analytics, source, request.split, { field: 'split', maximumRows });
  }

  /** Undefined when this request has a study that runs or is done. */
  async #insert(key: string, request: StudyRequest): Promise<trainer.Study | undefined> {
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
    const inserted = await this.#parts.sql.query(
      `insert into studies (id, request_key, state, request, study) values ($1, $2, $3, $4, $5)
       on conflict (request_key) where state in ('running', 'succeeded') do nothing returning id`,
      [study.id, key, study.state, JSON.stringify(request), JSON.stringify(study)],
    );
    return inserted.length > 0 ? study : undefined;
  }

  async #findByKey(key: string): Promise<trainer.Study | undefined> {
    const [row] = await this.#parts.sql.query<{ study: unknown }>(
      `select study from studies where request_key = $1 and state in ('running', 'succeeded')`,
      [key],
    );
    return row && trainer.study.parse(row.study);
  }

  /** Those of the study that came furthest with this request, whatever number of trials it wanted. */
  async #madeTrials(request: StudyRequest): Promise<StudyTrial[]> {
    const [row] = await this.#parts.sql.query<{ study: unknown }>(
      `select study from studies where request - 'trials' = $1::jsonb - 'trials'
       order by jsonb_array_length(study->'trials') desc, created_at limit 1`,
      [JSON.stringify(request)],
    );
    return row ? trainer.study.parse(row.study).trials : [];
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
    const values = [study.id, study.state, JSON.stringify(study)];
    await tryAgain(
      () =>
        this.#parts.sql.query('update studies set state = $2, study = $3 where id = $1', values),
      this.#parts.retries,
    );
  }
}

function checkRequest(request: StudyRequest): void {
  const { algorithm, space, fixed, split } = request;
  checkSearchSpace(spaceOf(request));
  for (const end of ['low', 'high'] as const) {
    const values = Object.entries(space).map(
      ([name, parameter]) => [name, parameter[end]] as const,
    );
    checkParams(algorithm, { ...fixed, ...Object.fromEntries(values) }, (name) =>
      name in space ? `space.${name}` : `fixed.${name}`,
    );
  }
  checkSplit(split, 'split');
}

function withTrials(study: trainer.Study, trials: readonly StudyTrial[]): trainer.Study {
  const wanted = trials.slice(0, study.trialsWanted);
  const best = wanted[bestTrial(wanted.map(toTrial), 'minimize')?.number ?? -1];
  return {
    ...study,
    trials: wanted,
    best:
      best?.value == null ? null : { number: best.number, params: best.params, value: best.value },
  };
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
