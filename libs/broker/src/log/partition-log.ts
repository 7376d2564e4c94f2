import { mkdir, rm } from 'node:fs/promises';
import type { Clock, Logger } from '@flywheel/core';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { AppendFile } from './append-file.ts';
import type { Commit } from './append-file.ts';
import { checkProduced, placeBatch } from './batch.ts';
import type { Batch } from './batch.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { codeOf } from './disk.ts';
import type { Disk } from './disk.ts';
import { findTimestamp, refusalOfRecords } from './inspect.ts';
import { ProducerStates } from './producers.ts';
import type { ReadFiles } from './read-files.ts';
import { Segment } from './segment.ts';
import { emptySlice, lastOffsetOf, segmentSlice, tailSlice } from './slices.ts';
import type { Slice } from './slices.ts';
import { loadSegments, removeSegment } from './stored-segments.ts';
import { LogTail } from './tail-cache.ts';
import type { TailCache } from './tail-cache.ts';

/** What the logs of one broker share. */
export type LogEnvironment = {
  readonly disk: Disk;
  readonly readFiles: ReadFiles;
  readonly tailCache: TailCache;
  readonly isSynced: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onFatal: (error: unknown) => void;
};

/** The configs of a topic that its logs obey, as they stand now. */
export type LogSettings = {
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  readonly requiresKeys: boolean;
};

export type Appended = {
  readonly error: typeof errorCodes.none;
  readonly baseOffset: number;
  readonly commit: Commit;
};

const durable: Commit = { written: Promise.resolve(), synced: Promise.resolve() };
const refusalPauseMs = 500;

type Unsynced = { readonly segment: Segment; readonly end: number; readonly endOffset: number };

/**
 * The log of one partition. Offsets are given and sequences checked synchronously, so the order of calls is the
 * order of records; consumers see only what is durable (`highWatermark`).
 */
export class PartitionLog {
  readonly #folder: string;
  readonly #environment: LogEnvironment;
  readonly #settings: () => LogSettings;
  readonly #tail: LogTail;
  readonly #waiters = new Set<() => void>();
  #segments: Segment[] = [];
  #producers = new ProducerStates();
  #unsynced: Unsynced[] = [];
  #lastCommit: Commit = durable;
  #startOffset: number;
  #nextOffset = 0;
  #highWatermark = 0;
  #repair: Promise<void> | undefined;
  #refuseUntilMs = 0;
  #isClosed = false;

  private constructor(
    folder: string,
    startOffset: number,
    settings: () => LogSettings,
    environment: LogEnvironment,
  ) {
    this.#folder = folder;
    this.#startOffset = startOffset;
    this.#settings = settings;
    this.#environment = environment;
    this.#tail = new LogTail(environment.tailCache);
  }

  /** Opens the log in `folder`, makes it if absent, and recovers it if it was not closed. */
  static async open(
    folder: string,
    startOffset: number,
    settings: () => LogSettings,
    environment: LogEnvironment,
  ): Promise<PartitionLog> {
    await mkdir(folder, { recursive: true });
    const log = new PartitionLog(folder, startOffset, settings, environment);
    await log.#load(() => 0);
    return log;
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  /** The offset after the last durable record. */
  get highWatermark(): number {
    return this.#highWatermark;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the one batch of a produce request. `records` becomes part of the log and must not change. */
  append(records: Buffer): Appended | { readonly error: ErrorNumber } {
    if (this.#isClosed) return { error: errorCodes.unknownTopicOrPartition };
    const nowMs = this.#environment.clock.nowMs();
    if (this.#repair || nowMs < this.#refuseUntilMs) return { error: errorCodes.kafkaStorageError };
    const settings = this.#settings();
    const batch = checkProduced(records, settings);
    if (typeof batch === 'number') return { error: batch };
    const refusal = refusalOfRecords(records, batch, settings);
    if (refusal !== undefined) return { error: refusal };
    const verdict = this.#producers.judge(batch);
    if (verdict.kind === 'refused') return { error: verdict.error };
    if (verdict.kind === 'duplicate')
      return { error: 0, baseOffset: verdict.baseOffset, commit: this.#lastCommit };
    return this.#append(records, batch, settings, nowMs);
  }

  /** Bytes from `offset` to the high watermark, at most one index interval too many. */
  availableBytes(offset: number): number {
    if (offset >= this.#highWatermark) return 0;
    const at = this.#segmentAt(offset);
    let bytes = -(this.#segments[at] as Segment).index.floor(offset)[1];
    for (let index = at; index < this.#segments.length; index++)
      bytes += (this.#segments[index] as Segment).durableBytes;
    return Math.max(1, bytes);
  }

  /**
   * Whole batches, the first being the one that holds `offset`, up to `maxBytes` and the high watermark.
   * `mustGiveOne`: the first batch is given even if it is larger than `maxBytes`.
   */
  async read(offset: number, maxBytes: number, mustGiveOne: boolean): Promise<Slice> {
    if (offset >= this.#highWatermark) return emptySlice;
    const request = { offset, maxBytes, mustGiveOne };
    const fromTail = tailSlice(this.#tail, request, this.#highWatermark);
    if (fromTail) return fromTail;
    const segment = this.#segments[this.#segmentAt(offset)] as Segment;
    try {
      return await segmentSlice(segment, this.#environment.readFiles, request);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return emptySlice; // just deleted: the next read is told so
      throw error;
    }
  }

  /** The first record at or after `timestamp`, or `undefined` if all are older. */
  async offsetAtTime(
    timestamp: number,
  ): Promise<{ offset: number; timestamp: number } | undefined> {
    const segment = this.#segments.find((candidate) => candidate.maxTimestamp >= timestamp);
    if (!segment) return undefined;
    let offset = Math.max(this.#startOffset, segment.index.floorByTime(timestamp)[0]);
    while (offset < this.#highWatermark) {
      const { chunks } = await this.read(offset, 65_536, true);
      if (chunks.length === 0) return undefined;
      for (const bytes of chunks) {
        const found = findTimestamp(bytes, timestamp, this.#startOffset);
        if (found) return found;
        offset = lastOffsetOf(bytes) + 1;
      }
    }
    return undefined;
  }

  /** `wake` is called whenever there may be more to read, or the log is gone. */
  watch(wake: () => void): () => void {
    this.#waiters.add(wake);
    return () => this.#waiters.delete(wake);
  }

  /** The caller has made the new start durable before. Whole segments below it are removed. */
  async startAt(offset: number): Promise<void> {
    this.#startOffset = Math.max(this.#startOffset, offset);
    const kept = this.#segments.findLastIndex((segment) => segment.baseOffset <= this.#startOffset);
    const dropped = this.#segments.splice(0, Math.max(0, kept));
    for (const segment of dropped) {
      this.#environment.readFiles.forget(segment.path);
      await removeSegment(segment);
    }
    this.#wake(); // who waits below the start has to know
  }

  /** Waits for what was appended and writes down what recovery would have to find out. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#repair;
    const active = this.#active;
    for (const segment of this.#segments) await segment.file?.close();
    await this.#checkpoint(active, this.#producers);
    this.#wake();
  }

  /** Removes the log and all it holds. */
  async remove(): Promise<void> {
    this.#isClosed = true;
    await this.#repair;
    for (const segment of this.#segments) await segment.file?.close();
    for (const segment of this.#segments) this.#environment.readFiles.forget(segment.path);
    this.#tail.clear();
    this.#wake();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #active(): Segment {
    return this.#segments.at(-1) as Segment;
  }

  #append(records: Buffer, batch: Batch, settings: LogSettings, nowMs: number): Appended {
    const baseOffset = this.#nextOffset;
    placeBatch(records, 0, baseOffset);
    if (
      this.#active.sizeBytes > 0 &&
      this.#active.sizeBytes + batch.sizeBytes > settings.segmentBytes
    )
      this.#roll();
    const segment = this.#active;
    segment.note(batch, baseOffset);
    this.#producers.remember(batch, baseOffset, nowMs);
    this.#nextOffset = baseOffset + batch.recordCount;
    this.#unsynced.push({ segment, end: segment.sizeBytes, endOffset: this.#nextOffset });
    this.#tail.push({ baseOffset, endOffset: this.#nextOffset, bytes: records });
    segment.file ??= this.#fileOf(segment, undefined);
    this.#lastCommit = segment.file.append([records]);
    return { error: 0, baseOffset, commit: this.#lastCommit };
  }

  /** Closes the active segment behind its last append and begins the next. */
  #roll(): void {
    const full = this.#active;
    const producers = ProducerStates.from(
      this.#producers.snapshot(this.#environment.clock.nowMs()),
    );
    const next = new Segment(this.#folder, this.#nextOffset);
    this.#segments.push(next);
    if (!full.file) return;
    const isComplete = full.file.idle().then(() => {
      if (full.durableBytes < full.sizeBytes) throw new Error('the segment before was taken back');
    });
    next.file = this.#fileOf(next, isComplete);
    void isComplete
      .then(async () => {
        await full.file?.close();
        full.file = undefined;
        await this.#checkpoint(full, producers);
      })
      .catch(() => undefined); // the repair closes it
  }

  #fileOf(segment: Segment, after: Promise<void> | undefined): AppendFile {
    return new AppendFile(segment.path, {
      disk: this.#environment.disk,
      isSynced: this.#environment.isSynced,
      position: segment.durableBytes,
      after,
      onSynced: (sizeBytes) => this.#advance(segment, sizeBytes),
      onRefused: (error) => this.#refuse(error),
      onFatal: this.#environment.onFatal,
    });
  }

  #advance(segment: Segment, durableBytes: number): void {
    segment.durableBytes = durableBytes;
    let count = 0;
    for (const entry of this.#unsynced) {
      if (entry.segment !== segment || entry.end > durableBytes) break;
      this.#highWatermark = entry.endOffset;
      count += 1;
    }
    this.#unsynced.splice(0, count);
    this.#wake();
  }

  /** A write failed, probably for want of space: what was not durable is forgotten, what was stays readable. */
  #refuse(error: unknown): void {
    if (this.#repair) return;
    this.#environment.log.error({ err: error, folder: this.#folder }, 'append refused by the disk');
    this.#refuseUntilMs = this.#environment.clock.nowMs() + refusalPauseMs;
    this.#repair = this.#reload()
      .catch((failure: unknown) => this.#environment.onFatal(failure))
      .finally(() => (this.#repair = undefined));
  }

  async #reload(): Promise<void> {
    const durableByPath = new Map<string, number>();
    for (const segment of this.#segments) {
      await segment.file?.close();
      durableByPath.set(segment.path, segment.durableBytes);
    }
    this.#tail.clear();
    this.#unsynced = [];
    await this.#load((path) => durableByPath.get(path) ?? 0);
  }

  async #load(trustedBytesOf: (path: string) => number): Promise<void> {
    const { log, clock } = this.#environment;
    const context = { log, nowMs: clock.nowMs(), trustedBytesOf };
    const stored = await loadSegments(this.#folder, this.#startOffset, context);
    this.#segments = stored.segments;
    this.#producers = stored.producers;
    this.#nextOffset = stored.nextOffset;
    this.#highWatermark = stored.nextOffset;
    this.#startOffset = Math.max(this.#startOffset, (this.#segments[0] as Segment).baseOffset);
    this.#lastCommit = durable;
  }

  async #checkpoint(segment: Segment, producers: ProducerStates): Promise<void> {
    const at = this.#segments.indexOf(segment);
    const isComplete = segment.durableBytes > 0 && segment.durableBytes === segment.sizeBytes;
    if (at < 0 || !isComplete) return;
    try {
      await writeCheckpoint(segment.checkpointPath, {
        sizeBytes: segment.durableBytes,
        nextOffset: this.#segments[at + 1]?.baseOffset ?? this.#highWatermark,
        maxTimestamp: segment.maxTimestamp,
        entries: segment.index.entries,
        producers: producers.snapshot(this.#environment.clock.nowMs()),
      });
    } catch (error) {
      this.#environment.log.warn({ err: error, file: segment.path }, 'checkpoint not written');
    }
  }

  #segmentAt(offset: number): number {
    return Math.max(
      0,
      this.#segments.findLastIndex((segment) => segment.baseOffset <= offset),
    );
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}
