import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@flywheel/core';
import { AppendFile } from './append-file.ts';
import type { Commit } from './append-file.ts';
import { fastCrc32c } from './crc.ts';
import type { Disk } from './disk.ts';

export type FramedLogOptions = {
  readonly path: string;
  readonly disk: Disk;
  readonly isSynced: boolean;
  readonly log: Logger;
  readonly onFatal: (error: unknown) => void;
  /** The log is written anew from `snapshot` when it has grown beyond this and to twice its size at that time. */
  readonly rewriteAboveBytes: number;
};

const frameHeaderBytes = 8;

/**
 * A small durable journal of JSON records, each framed by length and CRC-32C so that a torn tail is seen; it is
 * rewritten from a snapshot of its reader's state when most of it is history.
 */
export class FramedLog<R> {
  readonly #options: FramedLogOptions;
  readonly #snapshot: () => Iterable<R>;
  #file: AppendFile;
  #rewriteAtBytes: number;
  #held: { record: R; resolve: () => void; reject: (error: unknown) => void }[] | undefined;

  private constructor(options: FramedLogOptions, position: number, snapshot: () => Iterable<R>) {
    this.#options = options;
    this.#snapshot = snapshot;
    this.#file = new AppendFile(options.path, this.#fileOptions(position));
    this.#rewriteAtBytes = Math.max(options.rewriteAboveBytes, 2 * position);
  }

  /**
   * Gives every sound record to `replay`, in order, and cuts a torn tail off. `snapshot` must tell, at any
   * moment, records that lead to the state of all records whose append has resolved.
   */
  static async open<R>(
    options: FramedLogOptions,
    replay: (record: R) => void,
    snapshot: () => Iterable<R>,
  ): Promise<FramedLog<R>> {
    const { path, log } = options;
    await rm(newPath(path), { force: true });
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    let position = 0;
    for (;;) {
      const end = soundFrameEnd(bytes, position);
      if (end === undefined) break;
      replay(JSON.parse(bytes.toString('utf8', position + frameHeaderBytes, end)) as R); // checksum holds: ours
      position = end;
    }
    if (position < bytes.length) {
      const kept = `${path}.cut`; // if it was damage and not a torn tail, somebody may want it back
      await writeFile(kept, bytes.subarray(position));
      log.warn({ file: path, cutBytes: bytes.length - position, kept }, 'torn tail cut off');
      await truncate(path, position);
    }
    return new FramedLog<R>(options, position, snapshot);
  }

  /** Resolves when the record is durable; rejects when the disk refused it. */
  async append(record: R): Promise<void> {
    if (this.#held) return this.#hold(record);
    const commit = this.#write(record);
    if (this.#file.appendedBytes > this.#rewriteAtBytes) {
      this.#held = [];
      void this.#rewrite();
    }
    await commit.synced;
  }

  async close(): Promise<void> {
    while (this.#held) await new Promise(setImmediate);
    await this.#file.close();
  }

  #write(record: R): Commit {
    return this.#file.append([frameOf(record)]);
  }

  #hold(record: R): Promise<void> {
    return new Promise((resolve, reject) => this.#held?.push({ record, resolve, reject }));
  }

  /** Once nothing is on its way, the state goes to a new file, which takes the old one's place when durable. */
  async #rewrite(): Promise<void> {
    const { path, disk } = this.#options;
    const old = this.#file;
    await old.close();
    await new Promise(setImmediate); // the appenders have seen their records become durable
    const frames = [...this.#snapshot()].map(frameOf);
    const fresh = new AppendFile(
      newPath(path),
      this.#fileOptions(0, async () => {
        await rename(newPath(path), path);
        await disk.syncFolder(dirname(path));
      }),
    );
    try {
      await fresh.append(frames).synced;
      this.#file = fresh;
      this.#rewriteAtBytes = Math.max(this.#options.rewriteAboveBytes, 2 * fresh.appendedBytes);
    } catch (error) {
      this.#options.log.warn({ err: error, file: path }, 'journal not rewritten');
      await fresh.close();
      this.#file = new AppendFile(path, this.#fileOptions(old.durableBytes));
      this.#rewriteAtBytes = 2 * old.durableBytes;
    }
    this.#release();
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { record, resolve, reject } of held) this.append(record).then(resolve, reject);
  }

  #fileOptions(position: number, onFirstSync?: () => Promise<void>) {
    const { disk, isSynced, onFatal } = this.#options;
    return { disk, isSynced, position, onFirstSync, onFatal };
  }
}

function newPath(path: string): string {
  return `${path}.new`;
}

function frameOf(record: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(record));
  const frame = Buffer.allocUnsafeSlow(frameHeaderBytes + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt32BE(fastCrc32c(body, 0, body.length), 4);
  body.copy(frame, frameHeaderBytes);
  return frame;
}

function soundFrameEnd(bytes: Buffer, start: number): number | undefined {
  const bodyStart = start + frameHeaderBytes;
  if (bodyStart > bytes.length) return undefined;
  const end = bodyStart + bytes.readUInt32BE(start);
  if (end > bytes.length || end === bodyStart) return undefined;
  return fastCrc32c(bytes, bodyStart, end) === bytes.readUInt32BE(start + 4) ? end : undefined;
}
