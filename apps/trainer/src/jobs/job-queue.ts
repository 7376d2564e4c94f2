import { AppError, invalid, newId, toAppError } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import type { trainer } from '@flywheel/contracts';
import { completeParams } from '../algorithms/train.ts';
import type { TrainingProgress } from '../algorithms/training-progress.ts';
import type { JobStore, StoredJob } from './job-store.ts';
import type { LocalTrainingSet } from './load-tables.ts';
import type { JobToRun } from './run-job.ts';
import { runKey as keyOf } from './run-key.ts';
import { Waiters } from './waiters.ts';

type Parts = {
  store: JobStore;
  clock: Clock;
  log: Logger;
  localTrainingSet: (id: string) => Promise<LocalTrainingSet>;
  run: (
    job: JobToRun,
    hooks: { onProgress: (progress: TrainingProgress) => void; signal: AbortSignal },
  ) => Promise<NonNullable<trainer.Job['result']>>;
  onProgress: (job: string, progress: TrainingProgress) => void;
};

const unfinished: ReadonlySet<string> = new Set(['queued', 'running']);

/** Runs jobs one after the other. A job that was running when the process ended runs again; the same run key runs once. */
export class JobQueue {
  readonly #parts: Parts;
  readonly #waiters = new Waiters();
  readonly #aborts = new Map<string, AbortController>();
  #queue: Promise<void> = Promise.resolve();
  readonly #stopping = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async resume(): Promise<void> {
    for (const stored of await this.#parts.store.unfinished()) this.#enqueue(stored.job.id);
  }

  async submit(request: {
    name: string;
    experiment: string;
    spec: trainer.TrainingSpec;
    release: boolean;
    registerAs?: string | undefined;
    rebuild: boolean;
  }): Promise<trainer.Job> {
    const { store, clock } = this.#parts;
    const { spec } = request;
    if (request.release && spec.code.dirty)
      throw invalid('spec.code.dirty', 'must be false for a release: commit the changes first');
    checkParams(spec);
    const source = await this.#trainingSet(spec.trainingSet);
    if (!source.set.data) throw invalid('spec.trainingSet', 'must have finished');
    const runKey = keyOf(spec, source.set.data);
    const queued = await store.transaction(
      async (tx): Promise<{ job: trainer.Job; isNew: boolean }> => {
        await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`run-key/${runKey}`]);
        const known = await store.findByRunKey(tx, runKey);
        if (known && !(request.rebuild && known.job.state === 'succeeded')) {
          if (known.job.state !== 'succeeded') return { job: known.job, isNew: false };
          return {
            job: {
              ...known.job,
              result: known.job.result && { ...known.job.result, cached: true },
            },
            isNew: false,
          };
        }
        const job: trainer.Job = {
          id: newId(clock.nowMs()),
          name: request.name,
          state: 'queued',
          cause: { kind: 'request', reference: null, reason: '' },
          release: request.release,
          spec,
          runKey,
          attempt: 0,
          createdAt: this.#now(),
          startedAt: null,
          finishedAt: null,
          error: null,
          result: null,
        };
        await store.insert(tx, {
          job,
          experiment: request.experiment,
          registerAs: request.registerAs,
          rebuild: request.rebuild,
        });
        return { job, isNew: true };
      },
    );
    if (queued.isNew) this.#enqueue(queued.job.id);
    return queued.job;
  }

  /** Waits up to `waitMs` for a job that is not finished. */
  async get(id: string, waitMs: number): Promise<trainer.Job> {
    const { job } = await this.#parts.store.get(id);
    if (!unfinished.has(job.state) || waitMs === 0) return job;
    await this.#waiters.wait(id, waitMs);
    return (await this.#parts.store.get(id)).job;
  }

  async cancel(id: string): Promise<trainer.Job> {
    const job = await this.#parts.store.transaction(async (tx) => {
      const { job: current } = await this.#parts.store.get(id, tx);
      if (current.state === 'proposed')
        return this.#change(tx, current, { state: 'declined', finishedAt: this.#now() });
      if (!unfinished.has(current.state))
        throw new AppError('conflict', 'the job has ended already', {
          details: { state: current.state },
        });
      return this.#change(tx, current, { state: 'cancelled', finishedAt: this.#now() });
    });
    this.#aborts.get(id)?.abort(new AppError('cancelled', 'the job was cancelled'));
    this.#waiters.wake(id);
    return job;
  }

  /** Ends what runs without a verdict: it is run again at the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const abort of this.#aborts.values())
      abort.abort(new AppError('cancelled', 'the process stops'));
    await this.#queue;
  }

  #enqueue(id: string): void {
    this.#queue = this.#queue
      .then(() => this.#run(id))
      .catch((err: unknown) => {
        this.#parts.log.error(
          { err, job: id },
          'a job could not be brought to an end; it runs again at the next start',
        );
      });
  }

  async #run(id: string): Promise<void> {
    const { store, run, onProgress, log } = this.#parts;
    if (this.#isStopping()) return;
    const stored = await store.get(id);
    if (!unfinished.has(stored.job.state)) return;
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    try {
      const started = await store.transaction((tx) =>
        this.#change(tx, stored.job, {
          state: 'running',
          attempt: stored.job.attempt + 1,
          startedAt: this.#now(),
        }),
      );
      const result = await run(await this.#toRun({ ...stored, job: started }), {
        signal: abort.signal,
        onProgress: (progress) => onProgress(id, progress),
      });
      await this.#end(id, { state: 'succeeded', result });
    } catch (error) {
      if (this.#isStopping()) return;
      log.error({ err: error, job: id }, 'a job failed');
      const { message, details } = toAppError(error);
      await this.#end(id, {
        state: 'failed',
        error: details ? `${message} ${JSON.stringify(details)}` : message,
      });
    } finally {
      this.#aborts.delete(id);
      this.#waiters.wake(id);
    }
  }

  async #toRun(stored: StoredJob): Promise<JobToRun> {
    const { job, experiment, registerAs, rebuild } = stored;
    if (!job.spec || !job.runKey) throw new Error('a queued job without a specification');
    const earlier = rebuild
      ? await this.#parts.store.transaction((tx) =>
          this.#parts.store.findByRunKey(tx, job.runKey ?? ''),
        )
      : undefined;
    return {
      job,
      spec: job.spec,
      runKey: job.runKey,
      experiment,
      registerAs,
      earlier: earlier?.job.result ?? undefined,
    };
  }

  /** A job that was cancelled meanwhile stays so. */
  async #end(id: string, change: Partial<trainer.Job>): Promise<void> {
    await this.#parts.store.transaction(async (tx) => {
      const { job } = await this.#parts.store.get(id, tx);
      if (job.state === 'running')
        await this.#change(tx, job, { ...change, finishedAt: this.#now() });
    });
  }

  async #change(
    tx: Parameters<JobStore['update']>[0],
    job: trainer.Job,
    change: Partial<trainer.Job>,
  ): Promise<trainer.Job> {
    const changed = { ...job, ...change };
    await this.#parts.store.update(tx, changed);
    return changed;
  }

  async #trainingSet(id: string): Promise<LocalTrainingSet> {
    try {
      return await this.#parts.localTrainingSet(id);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found')
        throw invalid('spec.trainingSet', 'there is no such training set');
      throw error;
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #now(): string {
    return new Date(this.#parts.clock.nowMs()).toISOString();
  }
}

function checkParams(spec: trainer.TrainingSpec): void {
  try {
    completeParams(spec.algorithm, spec.params);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'invalid_argument')) throw error;
    const { field, rule } = error.details ?? {};
    throw invalid(
      `spec.${typeof field === 'string' ? field : 'params'}`,
      typeof rule === 'string' ? rule : error.message,
    );
  }
}
