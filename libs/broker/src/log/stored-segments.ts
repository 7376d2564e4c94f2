import { readdir, rename, rm, stat } from 'node:fs/promises';
import type { Logger } from '@flywheel/core';
import { readCheckpoint } from './checkpoint.ts';
import { ProducerStates } from './producers.ts';
import { recoverSegment } from './recovery.ts';
import { Segment } from './segment.ts';

export type StoredSegments = {
  /** At least one. */
  readonly segments: Segment[];
  readonly producers: ProducerStates;
  readonly nextOffset: number;
};

/**
 * Opens the segments of one partition and recovers those that were not closed. What follows a torn segment cannot be
 * part of a log without gaps: it is put aside under another name. `trustedBytesOf` tells how much of a file this very
 * process knows to be sound.
 */
export async function loadSegments(
  folder: string,
  startOffset: number,
  context: { log: Logger; nowMs: number; trustedBytesOf: (path: string) => number },
): Promise<StoredSegments> {
  const names = (await readdir(folder)).filter((name) => /^\d{20}\.log$/.test(name)).sort();
  const segments: Segment[] = [];
  let producers = new ProducerStates();
  let nextOffset: number | undefined;
  for (const name of names) {
    const baseOffset = Number(name.slice(0, 20));
    const blank = new Segment(folder, baseOffset);
    if (nextOffset !== undefined && baseOffset !== nextOffset) {
      await putAside(blank, context.log);
      continue;
    }
    const found = await recoverSegment(blank.path, {
      baseOffset,
      checkpoint: await readCheckpoint(blank.checkpointPath),
      producers,
      trustedBytes: context.trustedBytesOf(blank.path),
      nowMs: context.nowMs,
    });
    if (found.cutBytes > 0)
      context.log.warn(
        { file: blank.path, cutBytes: found.cutBytes, nextOffset: found.nextOffset },
        'torn tail cut off',
      );
    nextOffset = found.nextOffset;
    producers = found.producers;
    segments.push(new Segment(folder, baseOffset, found));
  }
  if (nextOffset === undefined || nextOffset < startOffset) {
    for (const segment of segments.splice(0)) await removeSegment(segment); // holds deleted records only
    nextOffset = startOffset;
    segments.push(new Segment(folder, startOffset));
  }
  return { segments, producers, nextOffset };
}

export async function removeSegment(segment: Segment): Promise<void> {
  await rm(segment.path, { force: true });
  await rm(segment.checkpointPath, { force: true });
}

async function putAside(segment: Segment, log: Logger): Promise<void> {
  const { size } = await stat(segment.path);
  if (size === 0) return removeSegment(segment);
  const kept = `${segment.path}.cut`;
  log.warn({ file: segment.path, kept }, 'segment behind a torn one put aside');
  await rename(segment.path, kept);
  await rm(segment.checkpointPath, { force: true });
}
