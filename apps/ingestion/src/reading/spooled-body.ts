import { createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { newId } from '@flywheel/core';

/** A request body in a scratch file: its size is bounded by the disk, not by memory. Goes when disposed. */
export class SpooledBody implements AsyncDisposable {
  readonly path: string;
  readonly #files: string[];

  private constructor(path: string) {
    this.path = path;
    this.#files = [path];
  }

  static async receive(body: Readable, folder: string, signal: AbortSignal): Promise<SpooledBody> {
    const spooled = new SpooledBody(join(folder, `${newId()}.body`));
    try {
      await pipeline(body, createWriteStream(spooled.path), { signal });
      return spooled;
    } catch (error) {
      await spooled[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A second scratch file that goes with the first. */
  sibling(ending: string): string {
    const path = `${this.path}.${ending}`;
    this.#files.push(path);
    return path;
  }

  async firstBytes(count: number): Promise<Uint8Array> {
    const file = await open(this.path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => rm(file, { force: true })));
  }
}
