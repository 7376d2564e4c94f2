import { appendFileSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scope, silentLogger, systemClock } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aBatch } from '../testing/a-batch.ts';
import { realDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { PartitionLog } from './partition-log.ts';
import { ReadFiles } from './read-files.ts';
import { TailCache } from './tail-cache.ts';

const segmentName = '00000000000000000000.log';

/** Logs without a broker around them; everything opened closes with it. */
function openLogs(disk: Disk = realDisk) {
  const scope = new Scope();
  const fatal: unknown[] = [];
  const open = async (folder: string, segmentBytes = 1_000_000) => {
    const log = await PartitionLog.open(
      folder,
      0,
      () => ({ maxMessageBytes: 1_000_000, segmentBytes, requiresKeys: false }),
      {
        disk,
        readFiles: scope.use(new ReadFiles(8)),
        tailCache: new TailCache({ maxBytes: 0, maxChunks: 0 }),
        isSynced: false,
        clock: systemClock,
        log: silentLogger,
        onFatal: (error) => fatal.push(error),
      },
    );
    scope.defer(() => log.close());
    return log;
  };
  return { open, fatal, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
}

async function append(log: PartitionLog, records: Buffer): Promise<number> {
  const outcome = log.append(records);
  if (!('commit' in outcome)) throw new Error(`refused with ${outcome.error}`);
  await outcome.commit.synced;
  return outcome.baseOffset;
}

async function readAll(log: PartitionLog): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let offset = log.startOffset; offset < log.highWatermark;) {
    const slice = await log.read(offset, 1_000_000, true);
    const bytes = Buffer.concat([...slice.chunks]);
    for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at + 8) + 12)
      offset = Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + 23) + 1;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Three batches of 2, 1 and 3 records; what the file holds and where each batch ends. */
async function threeBatches(folder: string) {
  await using logs = openLogs();
  const log = await logs.open(folder);
  for (const count of [2, 1, 3])
    await append(log, aBatch({ records: Array.from({ length: count }, () => ({ value: 'vv' })) }));
  await log.close();
  const bytes = readFileSync(join(folder, segmentName));
  const ends = [0];
  while ((ends.at(-1) as number) < bytes.length) {
    const start = ends.at(-1) as number;
    ends.push(start + bytes.readInt32BE(start + 8) + 12);
  }
  return { bytes, ends, offsets: [0, 2, 3, 6] };
}

describe('a log that was not closed', () => {
  it('opens with the whole batches, wherever its last write was cut', async () => {
    using temporary = temporaryFolder();
    const { bytes, ends, offsets } = await threeBatches(join(temporary.path, 'whole'));
    await using logs = openLogs();

    for (let length = 0; length <= bytes.length; length++) {
      const folder = join(temporary.path, 'cut');
      rmSync(folder, { recursive: true, force: true });
      cpSync(join(temporary.path, 'whole'), folder, { recursive: true });
      rmSync(join(folder, segmentName.replace('.log', '.checkpoint')));
      writeFileSync(join(folder, segmentName), bytes.subarray(0, length));
      const log = await logs.open(folder);
      const kept = ends.findLastIndex((end) => end <= length);
      expect(log.highWatermark).toBe(offsets[kept]);
      expect((await readAll(log)).equals(bytes.subarray(0, ends[kept]))).toBe(true);
      expect(readFileSync(join(folder, segmentName))).toHaveLength(ends[kept] as number);
      await log.remove();
    }
  });

  it('opens with the batches before the one in which any bit has flipped', async () => {
    using temporary = temporaryFolder();
    const { bytes, ends, offsets } = await threeBatches(join(temporary.path, 'whole'));
    await using logs = openLogs();

    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          const folder = join(temporary.path, `flip-${at}-${bit}`);
          cpSync(join(temporary.path, 'whole'), folder, { recursive: true });
          rmSync(join(folder, segmentName.replace('.log', '.checkpoint')));
          const damaged = Buffer.from(bytes);
          damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at);
          writeFileSync(join(folder, segmentName), damaged);
          const log = await logs.open(folder);
          const kept = ends.findLastIndex((end) => end <= at);
          expect(log.highWatermark).toBe(offsets[kept]);
          expect((await readAll(log)).equals(bytes.subarray(0, ends[kept]))).toBe(true);
          await log.remove();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('goes on where the sound part ends, over garbage that looked like a tail', async () => {
    using temporary = temporaryFolder();
    const folder = join(temporary.path, 'log');
    await threeBatches(folder);
    appendFileSync(join(folder, segmentName), Buffer.alloc(73, 0xa5));
    await using logs = openLogs();

    const log = await logs.open(folder);
    expect(await append(log, aBatch({ records: [{ value: 'next' }] }))).toBe(6);
    await log.close();
    const again = await logs.open(folder);

    expect(again.highWatermark).toBe(7);
    expect((await readAll(again)).length).toBe(readFileSync(join(folder, segmentName)).length);
  });

  it('loses the segments behind a torn one: there are no gaps', async () => {
    using temporary = temporaryFolder();
    await using logs = openLogs();
    const log = await logs.open(temporary.path, 300);
    for (let count = 0; count < 20; count++)
      await append(log, aBatch({ records: [{ value: `value ${count}` }] }));
    await log.close();
    const names = readdirSync(temporary.path).filter((name) => name.endsWith('.log'));
    expect(names.length).toBeGreaterThan(3);
    const torn = join(temporary.path, names[1] as string);
    writeFileSync(torn, readFileSync(torn).subarray(0, 100));
    rmSync(torn.replace('.log', '.checkpoint'));

    const again = await logs.open(temporary.path, 300);

    expect(again.highWatermark).toBe(Number(names[1]?.slice(0, 20)) + 1);
    expect(readdirSync(temporary.path).filter((name) => name.endsWith('.log'))).toHaveLength(2);
  });
});

describe('sequences of idempotent producers', () => {
  const numbered = (sequence: number) =>
    aBatch({ records: [{ value: 'v' }], producer: { id: 9, epoch: 0, sequence } });

  it('are known again after a clean stop and after none', async () => {
    for (const isClean of [true, false]) {
      using temporary = temporaryFolder();
      await using logs = openLogs();
      const log = await logs.open(temporary.path, 250); // some are known from checkpoints only
      for (let sequence = 0; sequence < 8; sequence++) await append(log, numbered(sequence));
      if (isClean) await log.close();

      const again = await logs.open(temporary.path, 250);

      expect(await append(again, numbered(7))).toBe(7);
      expect(again.append(numbered(9))).toEqual({ error: 45 });
      expect(await append(again, numbered(8))).toBe(8);
    }
  });

  it('forget what was torn off, even if a checkpoint remembers it', async () => {
    using temporary = temporaryFolder();
    await using logs = openLogs();
    const log = await logs.open(temporary.path);
    for (let sequence = 0; sequence < 3; sequence++) await append(log, numbered(sequence));
    await log.close();
    const path = join(temporary.path, segmentName);
    writeFileSync(path, readFileSync(path).subarray(0, -1));

    const again = await logs.open(temporary.path);

    expect(again.highWatermark).toBe(2);
    expect(await append(again, numbered(2))).toBe(2); // appended, not taken for a duplicate
    expect(again.highWatermark).toBe(3);
  });
});

describe('a log over several segments', () => {
  it('reads the same records from each offset, before and after a restart', async () => {
    using temporary = temporaryFolder();
    await using logs = openLogs();
    const log = await logs.open(temporary.path, 2000);
    for (let count = 0; count < 100; count++)
      await append(log, aBatch({ records: [{ value: `value ${count}` }, { value: 'second' }] }));
    const before = await readAll(log);
    await log.close();

    const again = await logs.open(temporary.path, 2000);
    expect((await readAll(again)).equals(before)).toBe(true);
    for (let offset = 0; offset < 200; offset += 7) {
      const { chunks } = await again.read(offset, 1, true);
      expect(Number(chunks[0]?.readBigInt64BE(0))).toBe(offset - (offset % 2));
    }
    await again.startAt(150);

    expect(again.startOffset).toBe(150);
    const left = readdirSync(temporary.path).filter((name) => name.endsWith('.log'));
    expect(left.length).toBeLessThan(8);
    expect(Number((await again.read(150, 1, true)).chunks[0]?.readBigInt64BE(0))).toBe(150);
  });
});

describe('a full disk', () => {
  it('refuses appends, keeps what was acknowledged readable, and recovers when there is room', async () => {
    using temporary = temporaryFolder();
    let roomBytes = 2000;
    const fullDisk: Disk = {
      ...realDisk,
      openForAppend: async (path) => {
        const handle = await realDisk.openForAppend(path);
        return {
          ...handle,
          writev: async (buffers, position) => {
            const asked = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
            if (roomBytes <= 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
            const bytes = Buffer.concat(buffers).subarray(0, Math.min(asked, roomBytes));
            roomBytes -= bytes.length; // a short write first, as real disks do
            return handle.writev([bytes], position);
          },
        };
      },
    };
    await using logs = openLogs(fullDisk);
    const log = await logs.open(temporary.path, 700);
    const acked: number[] = [];
    const results: ('acked' | 'refused')[] = [];
    const one = (value: string) => aBatch({ records: [{ value: value.padEnd(100) }] });

    for (let round = 0; round < 8; round++) {
      const outcomes = ['a', 'b', 'c'].map((value) => log.append(one(`${value}${round}`)));
      for (const outcome of outcomes) {
        const isAcked =
          'commit' in outcome &&
          (await outcome.commit.synced.then(
            () => true,
            () => false,
          ));
        results.push(isAcked ? 'acked' : 'refused');
        if (isAcked && 'commit' in outcome) acked.push(outcome.baseOffset);
      }
    }
    const whileFull = await readAll(log);
    roomBytes = 1_000_000;
    await expect
      .poll(() => append(log, one('again')).catch(() => undefined), { timeout: 5000 })
      .toBe(acked.length);
    await log.close();

    expect(results).toContain('refused');
    expect(acked).toEqual(acked.map((_, index) => index)); // dense: what was refused left no trace
    expect(whileFull.length).toBe(acked.length * one('').length);
    const again = await logs.open(temporary.path, 700);
    expect(again.highWatermark).toBe(acked.length + 1);
    expect(logs.fatal).toEqual([]);
  });

  it('that fails to sync is fatal: nobody is told that a record is safe', async () => {
    using temporary = temporaryFolder();
    const failing: Disk = {
      ...realDisk,
      openForAppend: async (path) => ({
        ...(await realDisk.openForAppend(path)),
        datasync: () => Promise.reject(new Error('EIO')),
      }),
    };
    const fatal: unknown[] = [];
    await using scope = new Scope();
    const log = await PartitionLog.open(
      temporary.path,
      0,
      () => ({ maxMessageBytes: 1000, segmentBytes: 1000, requiresKeys: false }),
      {
        disk: failing,
        readFiles: scope.use(new ReadFiles(8)),
        tailCache: new TailCache({ maxBytes: 0, maxChunks: 0 }),
        isSynced: true,
        clock: systemClock,
        log: silentLogger,
        onFatal: (error) => fatal.push(error),
      },
    );

    scope.defer(() => log.close());

    await expect(append(log, aBatch({ records: [{ value: 'v' }] }))).rejects.toThrow('EIO');

    expect(log.highWatermark).toBe(0);
    expect(fatal).toHaveLength(1);
  });
});
