import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, Waiters, canonicalJson, newId, sha256, toAppError } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { featureStore, ingestion } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import { sqlText } from '@flywheel/storage';
import type { Analytics, ObjectStore, Sql } from '@flywheel/storage';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import { trainingSetSql } from './training-set-sql.ts';

type Dependencies = {
  sql: Sql;
  definitions: DefinitionStore;
  peers: Peers;
  objects: ObjectStore;
  publicObjects: PublicObjects;
  /** A DuckDB for one join; closed after it. */
  openAnalytics: () => Promise<Analytics>;
  folder: string;
  clock: Clock;
  log: Logger;
  /** Aborted when the process stops. */
  signal: AbortSignal;
};

/**
 * Training sets: made one at a time, kept for ever under a recipe (the digest of all that determines the rows), so that
 * the same request gives the same set. One that was being made when the process ended is made again at the next start.
 */
export class TrainingSets {
  readonly #parts: Dependencies;
  readonly #waiters: Waiters;
  #queue: Promise<void> = Promise.resolve();

  constructor(parts: Dependencies) {
    this.#parts = parts;
    this.#waiters = new Waiters(parts.signal);
  }

  /** Takes up what was not finished when the process ended. */
  async resume(): Promise<void> {
    const rows = await this.#parts.sql.query<{ training_set: featureStore.TrainingSet }>(
      `select training_set from training_sets where state = 'running' order by id`,
    );
    for (const row of rows) this.#enqueue(featureStore.trainingSet.parse(row.training_set));
  }

  async create(request: featureStore.TrainingSetRequest): Promise<featureStore.TrainingSet> {
    const service = this.#parts.definitions.service(request.service);
    const snapshot = await this.#parts.peers.call(ingestion.getSnapshot, {
      params: { snapshot: request.spine.snapshot },
    });
    trainingSetSql(request, service, { ...snapshot, files: [] }); // refuses what could not be joined
    const recipe = sha256(
      canonicalJson({
        request,
        snapshot: snapshot.digest,
        service: this.#parts.definitions.storedService(request.service).hash,
        views: service.views.map(({ view, entity }) => ({ view: view.hash, entity: entity.hash })),
      }),
    );
    const created: featureStore.TrainingSet = {
      id: newId(this.#parts.clock.nowMs()),
      state: 'running',
      request,
      createdAt: new Date(this.#parts.clock.nowMs()).toISOString(),
      recipe,
    };
    const [stored] = await this.#parts.sql.query<{
      training_set: featureStore.TrainingSet;
      fresh: boolean;
    }>(
      `insert into training_sets (id, recipe, state, training_set) values ($1, $2, 'running', $3)
       on conflict (recipe) do update set
         id = case when training_sets.state = 'failed' then excluded.id else training_sets.id end,
         training_set = case when training_sets.state = 'failed' then excluded.training_set else training_sets.training_set end,
         state = case when training_sets.state = 'failed' then 'running' else training_sets.state end
       returning training_set, id = $1 as fresh`,
      [created.id, recipe, JSON.stringify(created)],
    );
    if (!stored) throw new Error('the training set was not stored');
    const set = featureStore.trainingSet.parse(stored.training_set);
    if (stored.fresh) this.#enqueue(set);
    return set;
  }

  /** Waits up to `waitMs` for a set that is being made, no longer than the process. */
  get(id: string, waitMs: number): Promise<featureStore.TrainingSet> {
    return this.#waiters.until(
      id,
      waitMs,
      () => this.#load(id),
      ({ state }) => state !== 'running',
    );
  }

  async #load(id: string): Promise<featureStore.TrainingSet> {
    const [row] = await this.#parts.sql.query<{ training_set: unknown }>(
      'select training_set from training_sets where id = $1',
      [id],
    );
    if (!row)
      throw new AppError('not_found', 'there is no such training set', {
        details: { trainingSet: id },
      });
    return featureStore.trainingSet.parse(row.training_set);
  }

  #enqueue(set: featureStore.TrainingSet): void {
    this.#queue = this.#queue.then(() => this.#make(set)).then(() => this.#waiters.wake(set.id));
  }

  async #make(set: featureStore.TrainingSet): Promise<void> {
    const startedMs = performance.now();
    let finished: featureStore.TrainingSet;
    try {
      finished = {
        ...set,
        ...(await this.#join(set)),
        state: 'succeeded',
        seconds: (performance.now() - startedMs) / 1000,
      };
    } catch (error) {
      this.#parts.log.error({ err: error, trainingSet: set.id }, 'a training set failed');
      const { message, details } = toAppError(error);
      finished = {
        ...set,
        state: 'failed',
        error: details ? `${message} ${JSON.stringify(details)}` : message,
      };
    }
    try {
      await this.#parts.sql.query(
        'update training_sets set state = $2, training_set = $3 where id = $1',
        [set.id, finished.state, JSON.stringify(finished)],
      );
    } catch (error) {
      this.#parts.log.error(
        { err: error, trainingSet: set.id },
        'the state of a training set could not be stored; it is made again at the next start',
      );
    }
  }

  async #join(set: featureStore.TrainingSet): Promise<Partial<featureStore.TrainingSet>> {
    const { definitions, peers, publicObjects, objects, folder } = this.#parts;
    const service = definitions.service(set.request.service);
    const snapshot = await peers.call(ingestion.getSnapshot, {
      params: { snapshot: set.request.spine.snapshot },
    });
    const files = await Promise.all(
      snapshot.files.map((file) => publicObjects.localFile(file.objectKey)),
    );
    const { statements, counts, rows } = trainingSetSql(set.request, service, {
      ...snapshot,
      files,
    });
    const file = join(folder, `${set.id}.parquet`);
    try {
      await using analytics = await this.#parts.openAnalytics();
      for (const statement of statements) await analytics.run(statement);
      const [counted] =
        await analytics.rows<
          Record<'rows' | 'positives' | 'unknown_label' | 'not_known_yet' | 'out_of_range', number>
        >(counts);
      if (!counted) throw new Error('the training set could not be counted');
      await analytics.run(
        `copy (${rows}) to ${sqlText(file)} (format parquet, row_group_size 100000)`,
      );
      const key = `training-sets/${set.id}.parquet`;
      const stored = await objects.put(key, createReadStream(file), {
        contentType: 'application/vnd.apache.parquet',
      });
      return {
        data: { objectKey: `feature-store/${key}`, ...stored },
        rows: counted.rows,
        positives: counted.positives,
        rowsLeftOut: {
          unknownLabel: counted.unknown_label,
          notKnownYet: counted.not_known_yet,
          outOfRange: counted.out_of_range,
        },
        features: [...service.features],
      };
    } finally {
      await rm(file, { force: true });
    }
  }
}
