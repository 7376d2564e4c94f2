import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { Batch } from './batch.ts';

type Appended = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
};
type Producer = {
  readonly epoch: number;
  readonly seenMs: number;
  readonly last: readonly Appended[];
};

/** What a checkpoint keeps of one producer: id, epoch, last seen, its last batches. */
export type ProducerSnapshot = readonly [number, number, number, readonly Appended[]];

const remembered = 5; // a client has at most five requests in flight
const sequenceCount = 2 ** 31;
const forgottenAfterMs = 24 * 60 * 60 * 1000;

export type SequenceVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  | { readonly kind: 'refused'; readonly error: ErrorNumber };

/** Sequence numbers of the idempotent producers of one partition. */
export class ProducerStates {
  readonly #byId = new Map<number, Producer>();

  static from(snapshot: readonly ProducerSnapshot[]): ProducerStates {
    const states = new ProducerStates();
    for (const [id, epoch, seenMs, last] of snapshot) states.#byId.set(id, { epoch, seenMs, last });
    return states;
  }

  judge(batch: Batch): SequenceVerdict {
    const known = this.#byId.get(batch.producerId);
    if (batch.producerId < 0 || !known) return { kind: 'append' };
    if (batch.producerEpoch < known.epoch)
      return { kind: 'refused', error: errorCodes.invalidProducerEpoch };
    if (batch.producerEpoch > known.epoch)
      return batch.baseSequence === 0 ? { kind: 'append' } : outOfOrder;
    const lastSequence = lastSequenceOf(batch);
    const same = known.last.find(
      (past) => past.firstSequence === batch.baseSequence && past.lastSequence === lastSequence,
    );
    if (same) return { kind: 'duplicate', baseOffset: same.baseOffset };
    const newest = known.last.at(-1);
    const expected = newest ? (newest.lastSequence + 1) % sequenceCount : 0;
    return batch.baseSequence === expected ? { kind: 'append' } : outOfOrder;
  }

  remember(batch: Batch, baseOffset: number, nowMs: number): void {
    const { producerId } = batch;
    if (producerId < 0) return;
    const before = this.#byId.get(producerId);
    const appended = {
      firstSequence: batch.baseSequence,
      lastSequence: lastSequenceOf(batch),
      baseOffset,
    };
    const past = before?.epoch === batch.producerEpoch ? before.last.slice(1 - remembered) : [];
    this.#byId.set(producerId, {
      epoch: batch.producerEpoch,
      seenMs: nowMs,
      last: [...past, appended],
    });
  }

  /** Producers seen in the last 24 hours; the others are forgotten. */
  snapshot(nowMs: number): readonly ProducerSnapshot[] {
    for (const [id, producer] of this.#byId)
      if (nowMs - producer.seenMs > forgottenAfterMs) this.#byId.delete(id);
    return [...this.#byId].map(([id, { epoch, seenMs, last }]) => [id, epoch, seenMs, last]);
  }
}

const outOfOrder = { kind: 'refused', error: errorCodes.outOfOrderSequenceNumber } as const;

function lastSequenceOf(batch: Batch): number {
  return (batch.baseSequence + batch.recordCount - 1) % sequenceCount;
}
