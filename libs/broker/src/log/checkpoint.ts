import { readFile, rename, writeFile } from 'node:fs/promises';
import { fastCrc32c } from './crc.ts';
import type { IndexEntry } from './offset-index.ts';
import type { ProducerSnapshot } from './producers.ts';

/**
 * What is known of a segment's first `sizeBytes` bytes, all durable when it was written: recovery goes on from
 * there. A missing or damaged checkpoint only means that the segment is read from its beginning.
 */
export type Checkpoint = {
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly maxTimestamp: number;
  readonly entries: readonly IndexEntry[];
  readonly producers: readonly ProducerSnapshot[];
};

const version = 1;

/** Not synced: a torn checkpoint fails its checksum. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const body = Buffer.from(JSON.stringify({ version, ...checkpoint }));
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(fastCrc32c(body, 0, body.length));
  const temporary = `${path}.new`;
  await writeFile(temporary, Buffer.concat([crc, body]));
  await rename(temporary, path);
}

export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes || bytes.length < 4) return undefined;
  if (bytes.readUInt32BE(0) !== fastCrc32c(bytes, 4, bytes.length)) return undefined;
  const parsed = JSON.parse(bytes.toString('utf8', 4)) as Checkpoint & { version: number }; // checksum holds: ours
  return parsed.version === version ? parsed : undefined;
}
