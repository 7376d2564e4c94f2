import { AppError, Waiters, invalid, newId } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import type { trainer } from '@flywheel/contracts';
import type { TrainingProgress } from '../algorithms/training-progress.ts';
import { checkParams, checkSplit } from './check-request.ts';
import { errorText } from './error-text.ts';
import type { FindTrainingSet } from './find-training-set.ts';
import type { JobStore, StoredJob } from './job-store.ts';
import type { JobToRun } from './run-job.ts';
import { runKey as keyOf } from './run-key.ts';
import { tryAgain } from './try-again.ts';
import type { Retries } from './try-again.ts';

type Parts = {
  store: JobStore;
  clock: Clock;
  log: Logger;
  /** Aborted when the process begins to stop: what runs is ended without a verdict and runs again at the next start. */
  stopping: AbortSignal;
  waitsMs: Retries['waitsMs'];
  findTrainingSet: FindTrainingSet;
  hasArtifacts: (uri: string) => Promise<boolean>;
  run: (
    job: JobToRun,
    hooks: { onProgress: (progress: TrainingProgress) => void; retries: Retries },
  ) => Promise<NonNullable<trainer.Job['result']>>;
  onProgress: (job: string, progress: TrainingProgress) => void;
};

type Outcome = Pick<trainer.Job, 'state' | 'error' | 'result'>;

const unfinished: ReadonlySet<string> = new Set(['queued', 'running']);
const COMMIT_HASH = /^[0-9a-f]{7,64}$/;

/**
 * Runs jobs one after the other. A job that was running when the process ended runs again, as the next attempt, and so
 * does one that met something that was away; the same run key runs once.
 */
export class JobQueue {
  readonly #parts: Parts;
  readonly #waiters: Waiters;
  readonly #cancels = new Map<string, AbortController>();
  #queue: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#waiters = new Waiters(parts.stopping);
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
    const { commit, dirty } = spec.code;
    if (request.release && dirty)
      throw invalid('spec.code.dirty', 'must be false for a release: commit the changes first');
    if (request.release && !COMMIT_HASH.test(commit))
      throw invalid('spec.code.commit', 'must be a hash for a release: a name may move');
    checkParams(spec.algorithm, spec.params, (name) => `spec.params.${name}`);
    checkSplit(spec.split, 'spec.split');
    const { data } = await this.#parts.findTrainingSet(spec.trainingSet, 'spec.trainingSet');
    const runKey = keyOf(spec, data);
    const wanted = { runKey, registerAs: request.registerAs };
    const lost = request.rebuild ? undefined : await this.#lostResult(wanted);
    const queued = await store.transaction(
      async (tx): Promise<{ job: trainer.Job; isNew: boolean }> => {
        await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`run-key/${runKey}`]);
        const done = request.rebuild
          ? undefined
          : await store.findByRunKey(wanted, 'succeeded', tx);
        if (done?.job.result && done.job.id !== lost)
          return {
            job: { ...done.job, result: { ...done.job.result, cached: true } },
            isNew: false,
          };
        const underWay = await store.findByRunKey(wanted, 'unfinished', tx);
        if (underWay) return { job: underWay.job, isNew: false };
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
        });
        return { job, isNew: true };
      },
    );
    if (queued.isNew) this.#enqueue(queued.job.id);
    return queued.job;
  }

  /** Waits up to `waitMs` for a job that is not finished. */
  get(id: string, waitMs: number): Promise<trainer.Job> {
    return this.#waiters.until(
      id,
      waitMs,
      async () => (await this.#parts.store.get(id)).job,
      ({ state }) => !unfinished.has(state),
    );
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
    this.#cancels.get(id)?.abort(new AppError('cancelled', 'the job was cancelled'));
    this.#waiters.wake(id);
    return job;
  }

  /** Settles when nothing runs any more, soon after the process began to stop. */
  async idle(): Promise<void> {
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
    const { stopping, waitsMs } = this.#parts;
    if (stopping.aborted) return;
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    const signal = AbortSignal.any([stopping, cancel.signal]);
    const log = this.#parts.log.child({ job: id });
    const retries = { waitsMs, signal, log };
    try {
      const outcome = await tryAgain(() => this.#attempt(id, retries), retries).catch(
        (error: unknown): Outcome => {
          signal.throwIfAborted();
          log.error({ err: error }, 'a job failed');
          return { state: 'failed', error: errorText(error), result: null };
        },
      );
      if (outcome) await tryAgain(() => this.#end(id, outcome), retries);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#cancels.delete(id);
      this.#waiters.wake(id);
    }
  }

  /** Nothing comes of a job that was cancelled before. */
  async #attempt(id: string, retries: Retries): Promise<Outcome | undefined> {
    const { store, run, onProgress } = this.#parts;
    const started = await store.transaction(async (tx) => {
      const stored = await store.get(id, tx);
      if (!unfinished.has(stored.job.state)) return undefined;
      const job = await this.#change(tx, stored.job, {
        state: 'running',
        attempt: stored.job.attempt + 1,
        startedAt: this.#now(),
      });
      return { ...stored, job };
    });
    if (!started) return undefined;
    const result = await run(await this.#toRun(started), {
      retries,
      onProgress: (progress) => onProgress(id, progress),
    });
    return { state: 'succeeded', error: null, result };
  }

  async #toRun(stored: StoredJob): Promise<JobToRun> {
    const { job, experiment, registerAs } = stored;
    if (!job.spec || !job.runKey) throw new Error('a queued job without a specification');
    const earlier = await this.#parts.store.findByRunKey({ runKey: job.runKey }, 'succeeded');
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
  async #end(id: string, outcome: Outcome): Promise<void> {
    await this.#parts.store.transaction(async (tx) => {
      const { job } = await this.#parts.store.get(id, tx);
      if (job.state === 'running')
        await this.#change(tx, job, { ...outcome, finishedAt: this.#now() });
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

  /** The job that has what is wanted, if its files are gone. */
  async #lostResult(wanted: { runKey: string; registerAs: string | undefined }) {
    const done = await this.#parts.store.findByRunKey(wanted, 'succeeded');
    if (!done?.job.result) return undefined;
    const isThere = await this.#parts.hasArtifacts(done.job.result.artifactUri);
    return isThere ? undefined : done.job.id;
  }

  #now(): string {
    return new Date(this.#parts.clock.nowMs()).toISOString();
  }
}
