import { type EventContract, readEventData } from '@flywheel/contracts';
import { AppError, newId } from '@flywheel/core';
import { HeaderBlock } from '../wire/record.ts';
import type { Lane, Settlement } from './lane.ts';
import type { BusMetrics } from '../ports.ts';

/** `accepted = acked + pending + dropped`, at every moment. */
export type FirehoseStats = {
  /** All that was offered, dropped ones too. */
  readonly accepted: number;
  readonly acked: number;
  readonly pending: number;
  readonly dropped: number;
};

export type Firehose<Data> = {
  /** Never waits. False if it was dropped because the ring is full. */
  offer(data: Data, options?: { id?: string; time?: string }): boolean;
  stats(): FirehoseStats;
  /** Resolves when nothing is pending, or at the deadline. */
  flush(deadlineMs: number): Promise<void>;
};

export type FirehoseOptions = {
  /** How much it keeps while the log is away; default 64 MiB. */
  readonly maxBytes?: number;
  /** Checks the data against the contract: for tests and low rates, since it costs more than all the rest. */
  readonly validate?: boolean;
};

export class RingFirehose<Data> implements Firehose<Data>, Settlement {
  readonly #contract: EventContract<Data>;
  readonly #lane: Lane;
  readonly #block: HeaderBlock;
  readonly #validate: boolean;
  readonly #metrics: BusMetrics;
  readonly #nowMs: () => number;
  #accepted = 0;
  #acked = 0;
  #dropped = 0;

  constructor(
    contract: EventContract<Data>,
    lane: Lane,
    options: { source: string; validate: boolean; metrics: BusMetrics; nowMs: () => number },
  ) {
    this.#contract = contract;
    this.#lane = lane;
    this.#validate = options.validate;
    this.#metrics = options.metrics;
    this.#nowMs = options.nowMs;
    this.#block = new HeaderBlock({
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_source: options.source,
      ce_type: contract.type,
      ce_dataversion: String(contract.version),
    });
  }

  offer(data: Data, options: { id?: string; time?: string } = {}): boolean {
    const contract = this.#contract;
    const value = this.#validate ? readEventData(contract, contract.version, data) : data;
    const key = contract.key(value);
    if (key === '') throw new AppError('invalid_argument', 'an event needs a key');
    const nowMs = this.#nowMs();
    const headers: Record<string, string> = { ce_id: options.id ?? newId(nowMs) };
    if (options.time !== undefined) headers['ce_time'] = options.time;
    const record = {
      topic: contract.topic.name,
      key,
      value: JSON.stringify(value),
      headers,
      block: this.#block,
    };
    this.#accepted++;
    const isTaken = this.#lane.push(record, this, 0);
    if (!isTaken) this.#drop();
    return isTaken;
  }

  acked(): void {
    this.#acked++;
  }

  failed(): void {
    this.#drop();
  }

  stats(): FirehoseStats {
    const [accepted, acked, dropped] = [this.#accepted, this.#acked, this.#dropped];
    return { accepted, acked, pending: accepted - acked - dropped, dropped };
  }

  async flush(deadlineMs: number): Promise<void> {
    await this.#lane.flush(deadlineMs);
  }

  #drop(): void {
    this.#dropped++;
    this.#metrics.dropped(this.#contract.topic.name, 1);
  }
}
