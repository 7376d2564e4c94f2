import { toAppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import type { EventData, registry, router } from '@flywheel/contracts';
import { router as contracts, topics } from '@flywheel/contracts';
import { aTensorOf } from '@flywheel/inference';
import type { ModelPool } from '@flywheel/inference';
import type { BatchContext, Bus, ReceivedEvent, SinkOffsets } from '@flywheel/kafka';
import type { PublicObjects } from '@flywheel/runtime';
import type { Sql } from '@flywheel/storage';
import { classifierTensors, positiveScores, readArtifact } from '../models/loaded-model.ts';
import { draw } from '../routing/draw.ts';
import { groupBy } from '../routing/group-by.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { ShadowBooks } from './shadow-books.ts';

type Logged = ReceivedEvent<EventData<typeof contracts.predictionsLogged>>;
/** A shadow that is loaded, by the names of its tensors; else why it cannot run. */
type Loaded = { input: string; output: string } | string;
type Eligible = { prediction: router.Prediction; shadow: registry.Variant };

type Parts = {
  bus: Pick<Bus, 'publishAll'>;
  sql: Sql;
  offsets: SinkOffsets;
  table: RouteTable;
  books: ShadowBooks;
  pool: ModelPool;
  objects: PublicObjects;
  /** Resolves when the table has every deployment that was there at the start. */
  deploymentsKnown: Promise<void>;
  log: Logger;
};

const GROUP = 'router.shadows';
const BATCH = 50;
const DEADLINE_MS = 30_000;
/** Another salt than the split's: which requests a shadow sees says nothing about who answered them. */
const SAMPLE_SALT = 'shadow';

/**
 * Runs shadows from the log: after the answer, on the vector the answer was made from, in worker threads of their own.
 * Production knows nothing of them. Each eligible request ends in exactly one shadow prediction, whatever becomes of it;
 * publishing comes before the offset moves and carries stable ids, counting moves with it.
 */
export class ShadowRunner {
  readonly #parts: Parts;
  readonly #loads = new Map<string, Promise<Loaded>>();
  #areDeploymentsKnown = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  static readonly group = GROUP;

  resumeAt(partition: number): Promise<bigint | undefined> {
    return this.#parts.offsets.next(this.#parts.sql, {
      group: GROUP,
      topic: topics.inferencePredictions.name,
      partition,
    });
  }

  async handle(events: readonly Logged[], { partition, signal }: BatchContext): Promise<void> {
    const [first] = events;
    const last = events.at(-1);
    if (!first || !last) return;
    if (!this.#areDeploymentsKnown)
      await Promise.race([this.#parts.deploymentsKnown, whenAborted(signal)]);
    this.#areDeploymentsKnown = true;
    const results = new Map<bigint, router.ShadowPrediction[]>();
    for (const event of events) results.set(event.offset, await this.#run(event));

    await this.#publish([...results.values()].flat());
    const { sql, offsets, books } = this.#parts;
    await sql.transaction(async (tx) => {
      const from = await offsets.advance(
        tx,
        { group: GROUP, topic: topics.inferencePredictions.name, partition },
        { first: first.offset, last: last.offset },
      );
      const fresh = [...results]
        .filter(([offset]) => offset >= from)
        .flatMap(([, predictions]) => predictions);
      await books.add(tx, fresh);
    });
  }

  async #run({ data }: Logged): Promise<router.ShadowPrediction[]> {
    const eligible = data.predictions
      .filter((prediction) => prediction.status === 'answered')
      .flatMap((prediction): Eligible[] => {
        const deployment = this.#parts.table.deploymentAt(data.endpoint, prediction.revision);
        const shadows = deployment?.variants.filter((variant) => variant.role === 'shadow') ?? [];
        return shadows.map((shadow) => ({ prediction, shadow }));
      });
    const sampled = eligible.filter(({ prediction, shadow }) => isSampled(prediction.id, shadow));
    const unsampled = eligible.filter(
      ({ prediction, shadow }) => !isSampled(prediction.id, shadow),
    );
    const results = unsampled.map((one) =>
      resultOf(one, { status: 'unsampled', reason: null, score: null, modelMs: null }),
    );
    // Vectors of one length are one tensor.
    for (const group of groupBy(
      sampled,
      ({ shadow, prediction }) => `${shadow.artifact.sha256}/${prediction.vector.length}`,
    ))
      results.push(...(await this.#score(group)));
    return results;
  }

  async #score(group: readonly Eligible[]): Promise<router.ShadowPrediction[]> {
    const [head] = group;
    if (!head) return [];
    const loaded = await this.#load(head.shadow);
    if (typeof loaded === 'string')
      return group.map((one) =>
        resultOf(one, { status: 'shed', reason: loaded, score: null, modelMs: null }),
      );
    const width = head.prediction.vector.length;
    const values = new Float32Array(group.length * width);
    for (const [row, { prediction }] of group.entries())
      for (const [column, value] of prediction.vector.entries())
        values[row * width + column] = value ?? Number.NaN;
    try {
      const startedMs = performance.now();
      const outputs = await this.#parts.pool.run(
        head.shadow.artifact.sha256,
        [aTensorOf(loaded.input, 'FP32', [group.length, width], values)],
        {
          outputs: [loaded.output],
          rowByRow: true,
          deadlineMs: Date.now() + DEADLINE_MS,
        },
      );
      const modelMs = (performance.now() - startedMs) / group.length;
      const scores = positiveScores(outputs[0]?.data as Float32Array, group.length);
      return group.map((one, row) =>
        resultOf(one, { status: 'answered', reason: null, score: scores[row] ?? null, modelMs }),
      );
    } catch (error) {
      const reason = toAppError(error).code;
      this.#parts.log.warn(
        { err: error, variant: head.shadow.name, predictions: group.length },
        'a shadow failed',
      );
      return group.map((one) =>
        resultOf(one, { status: 'failed', reason, score: null, modelMs: null }),
      );
    }
  }

  /** Partitions that need the same model share one load. */
  #load(shadow: registry.Variant): Promise<Loaded> {
    const digest = shadow.artifact.sha256;
    let load = this.#loads.get(digest);
    if (!load) {
      load = this.#loadOnce(shadow);
      this.#loads.set(digest, load);
      load.catch(() => this.#loads.delete(digest)); // the store was away: the batch is tried again
    }
    return load;
  }

  async #loadOnce(shadow: registry.Variant): Promise<Loaded> {
    const { pool, objects, log } = this.#parts;
    try {
      const file = await pool.load(shadow.artifact.sha256, await readArtifact(shadow, objects));
      return classifierTensors(file.signature, shadow);
    } catch (error) {
      if (toAppError(error).retryable) throw error;
      log.error({ err: error, variant: shadow.name }, 'a shadow cannot be loaded');
      return 'not_loadable';
    }
  }

  async #publish(predictions: readonly router.ShadowPrediction[]): Promise<void> {
    const batches: { data: EventData<typeof contracts.shadowPredictionsLogged>; id: string }[] = [];
    for (const group of groupBy(predictions, ({ endpoint }) => endpoint))
      for (let start = 0; start < group.length; start += BATCH) {
        const batch = group.slice(start, start + BATCH);
        const [first] = batch;
        if (first)
          batches.push({
            data: { endpoint: first.endpoint, predictions: batch },
            id: `${first.prediction}/${first.variant}`,
          });
      }
    if (batches.length > 0)
      await this.#parts.bus.publishAll(contracts.shadowPredictionsLogged, batches);
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function isSampled(prediction: string, shadow: registry.Variant): boolean {
  return (
    shadow.sampleRatio >= 1 ||
    draw(`${SAMPLE_SALT}/${shadow.name}`, prediction) < shadow.sampleRatio
  );
}

function resultOf(
  { prediction, shadow }: Eligible,
  result: Pick<router.ShadowPrediction, 'status' | 'reason' | 'score' | 'modelMs'>,
): router.ShadowPrediction {
  return {
    prediction: prediction.id,
    endpoint: prediction.endpoint,
    variant: shadow.name,
    model: shadow.model,
    version: shadow.version,
    atMs: prediction.atMs,
    ...result,
    answered: {
      variant: prediction.variant,
      model: prediction.model,
      version: prediction.version,
      score: prediction.score,
      modelMs: prediction.modelMs,
    },
  };
}
