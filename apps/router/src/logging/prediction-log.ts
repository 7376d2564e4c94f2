import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@flywheel/core';
import { newId } from '@flywheel/core';
import { router, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import { groupBy } from '../routing/group-by.ts';
import type { Spool } from './spool.ts';

const BATCH = 50;
const MESSAGES_AT_ONCE = 20;
/** What comes meanwhile goes into the same messages: readers of the log pay by the message, and it is on disk already. */
const LINGER_MS = 50;
const RETRY_MS = 500;

/** `features` and `prediction` are JSON, written once. */
type Entry = {
  endpoint: string;
  features: string;
  id: string;
  prediction: string;
  segment: number;
};
type Turn = {
  endpoint: string;
  features: string;
  predictions: readonly router.Prediction[];
  resolve: (ids: string[]) => void;
};

/**
 * Predictions on their way to the log. What was written is on disk before `write` resolves and in the log soon after,
 * each exactly once: a restart publishes what the log does not have. When the disk's share is full the newest are given
 * up and counted, because an answer must not fail for its own record.
 */
export class PredictionLog {
  readonly #bus: Pick<Bus, 'publishOpaque' | 'readToEnd'>;
  readonly #spool: Spool;
  readonly #log: Logger;
  readonly #instance: string;
  #turn: Turn[] = [];
  #queue: Entry[] = [];
  #sequence = 0;
  #publishing: Promise<void> | undefined;
  readonly #counts = { accepted: 0, acked: 0, dropped: 0 };

  constructor(options: {
    bus: Pick<Bus, 'publishOpaque' | 'readToEnd'>;
    spool: Spool;
    log: Logger;
    instance: string;
  }) {
    this.#bus = options.bus;
    this.#spool = options.spool;
    this.#log = options.log;
    this.#instance = options.instance;
  }

  /** Publishes what an earlier process answered but did not get into the log. */
  async recover(): Promise<void> {
    const left = this.#spool.leftovers().map(readEntry);
    if (left.length > 0) {
      const missing = new Map(left.map((entry) => [entry.id, entry]));
      await this.#bus.readToEnd(topics.inferencePredictions.name, (records) => {
        for (const record of records)
          for (const { id } of (
            JSON.parse(Buffer.from(record.value).toString()) as { predictions: { id: string }[] }
          ).predictions)
            missing.delete(id);
      });
      this.#log.info(
        { left: left.length, missing: missing.size },
        'predictions of an earlier process are brought to the log',
      );
      const entries = [...missing.values()].map((entry) => ({ ...entry, segment: 0 }));
      for (let start = 0; start < entries.length; start += BATCH * MESSAGES_AT_ONCE)
        await this.#bus.publishOpaque(
          router.predictionsLogged,
          this.#messages(entries.slice(start, start + BATCH * MESSAGES_AT_ONCE)),
        );
      this.#counts.accepted += entries.length;
      this.#counts.acked += entries.length;
    }
    this.#spool.clear();
  }

  /** Resolves with the ids once the predictions are on disk. All requests of one turn of the event loop share one write. */
  write(
    endpoint: string,
    features: readonly string[],
    predictions: readonly router.Prediction[],
  ): Promise<string[]> {
    return new Promise((resolve) => {
      if (this.#turn.length === 0) setImmediate(() => this.#endTurn());
      this.#turn.push({ endpoint, features: JSON.stringify(features), predictions, resolve });
    });
  }

  stats(): { accepted: number; acked: number; pending: number; dropped: number } {
    const { accepted, acked, dropped } = this.#counts;
    return { accepted, acked, dropped, pending: accepted - acked - dropped };
  }

  /** Waits until everything accepted is in the log, at most so long; the rest stays on disk for the next start. */
  async flush(withinMs: number): Promise<void> {
    await Promise.race([this.#publishing, delay(withinMs, undefined, { ref: false })]);
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    const entries = turn.flatMap(({ endpoint, features, predictions }) =>
      predictions.map((prediction) => ({
        endpoint,
        features,
        id: prediction.id,
        prediction: JSON.stringify(prediction),
      })),
    );
    this.#counts.accepted += entries.length;
    const spooled = this.#append(entries);
    if (spooled) {
      for (const entry of entries) this.#queue.push({ ...entry, segment: spooled.segment });
      this.#publishing ??= this.#publish();
    } else this.#counts.dropped += entries.length;
    for (const { predictions, resolve } of turn)
      resolve(predictions.map((prediction) => prediction.id));
  }

  #append(entries: readonly Omit<Entry, 'segment'>[]): { segment: number } | undefined {
    try {
      return this.#spool.append(entries.map(writeEntry));
    } catch (err) {
      this.#log.error({ err }, 'predictions could not be written to disk');
      return undefined;
    }
  }

  /** One send in flight; what comes meanwhile goes with the next. Goes on until the queue is empty. */
  async #publish(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#queue.length < BATCH * MESSAGES_AT_ONCE) await delay(LINGER_MS);
      const entries = this.#queue.splice(0, BATCH * MESSAGES_AT_ONCE);
      for (;;) {
        try {
          await this.#bus.publishOpaque(router.predictionsLogged, this.#messages(entries));
          break;
        } catch (err) {
          this.#log.warn(
            { err, pending: this.stats().pending },
            'predictions could not be published and are tried again',
          );
          await delay(RETRY_MS);
        }
      }
      this.#counts.acked += entries.length;
      const bySegment = new Map<number, number>();
      for (const { segment } of entries) bySegment.set(segment, (bySegment.get(segment) ?? 0) + 1);
      for (const [segment, records] of bySegment) this.#spool.release(segment, records);
    }
    this.#publishing = undefined;
  }

  /** Messages of up to 50 predictions of one endpoint each, put together from text that was written once. */
  #messages(
    entries: readonly Omit<Entry, 'segment'>[],
  ): { id: string; key: string; subject: string; value: string }[] {
    return groupBy(entries, (entry) => `${entry.endpoint}\0${entry.features}`).flatMap(
      (members) => {
        const messages = [];
        for (let start = 0; start < members.length; start += BATCH) {
          const batch = members.slice(start, start + BATCH);
          const [first] = batch;
          if (!first) continue;
          messages.push({
            id: newId(),
            key: first.id,
            subject: first.id,
            value: `{"instance":${JSON.stringify(this.#instance)},"sequence":${this.#sequence++},"endpoint":${JSON.stringify(first.endpoint)},"features":${first.features},"predictions":[${batch.map((entry) => entry.prediction).join(',')}]}`,
          });
        }
        return messages;
      },
    );
  }
}

function writeEntry({ endpoint, features, id, prediction }: Omit<Entry, 'segment'>): Buffer {
  return Buffer.from(
    `{"endpoint":${JSON.stringify(endpoint)},"features":${features},"id":${JSON.stringify(id)},"prediction":${prediction}}`,
  );
}

function readEntry(bytes: Buffer): Omit<Entry, 'segment'> {
  const { endpoint, features, id, prediction } = JSON.parse(bytes.toString()) as {
    endpoint: string;
    features: readonly string[];
    id: string;
    prediction: router.Prediction;
  }; // written by us
  return {
    endpoint,
    features: JSON.stringify(features),
    id,
    prediction: JSON.stringify(prediction),
  };
}
