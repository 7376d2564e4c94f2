import { AppError } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { openFileObjectStore } from '@flywheel/storage';
import type { ObjectStore } from '@flywheel/storage';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CommitLog } from './commit-log.ts';
import type { LakeFile } from './commit-log.ts';

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
let tests = 0;
let objects: ObjectStore;

beforeEach(async () => {
  objects = await openFileObjectStore({ folder: `${folder.path}/${++tests}` });
});

const aFile = (key: string): LakeFile => ({
  ...{ dataset: 'd', key, records: 1, sizeBytes: 10, sha256: 'a'.repeat(64) },
  columns: [{ name: 'x', type: 'int64', nullable: false }],
});
const range = (from: bigint, to: bigint, partition = 'ingest.records/0') =>
  new Map([[partition, { from, to }]]);
const keysOf = (log: CommitLog) => log.state.files.map(({ key }) => key);

describe('the commit log', () => {
  it('adds files and moves offsets together, and is the same when it is opened again', async () => {
    const log = await CommitLog.open(objects);

    await log.commit([aFile('a'), aFile('b')], range(0n, 5n));
    await log.commit([], range(0n, 7n, 'ingest.records/1'));
    const { state } = await CommitLog.open(objects);

    expect(state).toEqual(log.state);
    expect(state).toEqual({
      sequence: 2,
      files: [aFile('a'), aFile('b')],
      offsets: new Map([
        ['ingest.records/0', 5n],
        ['ingest.records/1', 7n],
      ]),
    });
  });

  it('refuses records that another writer has taken, and keeps what that one wrote', async () => {
    const slow = await CommitLog.open(objects);
    const quick = await CommitLog.open(objects);
    await quick.commit([aFile('quick')], range(0n, 5n));

    const refused = slow.commit([aFile('slow')], range(0n, 3n));

    await expect(refused).rejects.toMatchObject({
      code: 'conflict',
      details: { partition: 'ingest.records/0' },
    });
    expect(keysOf(await CommitLog.open(objects))).toEqual(['quick']);
    expect(slow.state.offsets.get('ingest.records/0')).toBe(5n); // where it must read on
  });

  it('lets writers of different partitions take turns, whoever took the number first', async () => {
    const writer = async (partition: string) => {
      const log = await CommitLog.open(objects);
      for (let at = 0n; at < 8n; at++)
        await log.commit([aFile(`${partition}-${at}`)], range(at, at + 1n, partition));
    };
    await Promise.all([writer('t/0'), writer('t/1'), writer('t/2')]);

    const log = await CommitLog.open(objects);

    expect(log.state.sequence).toBe(24);
    expect(new Set(keysOf(log)).size).toBe(24);
    expect([...log.state.offsets.values()]).toEqual([8n, 8n, 8n]);
  });

  it('reads on from where the log had nothing more: retention may leave a hole', async () => {
    const log = await CommitLog.open(objects);
    await log.commit([], range(0n, 5n));

    await log.commit([aFile('after the hole')], range(9n, 12n));

    expect(log.state.offsets.get('ingest.records/0')).toBe(12n);
  });

  it('opens from the newest checkpoint and the commits behind it', async () => {
    const log = await CommitLog.open(objects);
    for (let at = 0n; at < 203n; at++) await log.commit([aFile(`file-${at}`)], range(at, at + 1n));
    let commits = 0;
    const counting: ObjectStore = {
      ...objects,
      get: (key, options) => {
        if (key.startsWith('lake/_commits/')) commits++;
        return objects.get(key, options);
      },
      list: (...given) => objects.list(...given),
    };

    const { state } = await CommitLog.open(counting);

    expect(state).toEqual(log.state);
    expect(commits).toBe(4); // 201, 202, 203, and one that is not there
  });

  it('has once what is committed again because an answer was lost, at a checkpoint too', async () => {
    let isLost = false;
    const forgetful: ObjectStore = {
      ...objects,
      put: async (...given) => {
        const stored = await objects.put(...given);
        isLost = !isLost;
        if (isLost) throw new AppError('unavailable', 'the object store did not answer');
        return stored;
      },
      get: (...given) => objects.get(...given),
      list: (...given) => objects.list(...given),
    };
    const log = await CommitLog.open(forgetful);
    const commit = async (at: bigint) => log.commit([aFile(`file-${at}`)], range(at, at + 1n));
    for (let at = 0n; at < 101n; at++) await commit(at).catch(() => commit(at));

    const { state } = await CommitLog.open(objects);

    expect(state).toEqual(log.state);
    expect([state.sequence, state.files.length]).toEqual([101, 101]);
  });

  it('does not need a checkpoint that a kill prevented', async () => {
    const failing: ObjectStore = {
      ...objects,
      put: (key, body, options) =>
        key.startsWith('lake/_checkpoints/')
          ? Promise.reject(new Error('killed'))
          : objects.put(key, body, options),
      get: (...given) => objects.get(...given),
      list: (...given) => objects.list(...given),
    };
    const log = await CommitLog.open(failing);
    for (let at = 0n; at < 99n; at++) await log.commit([], range(at, at + 1n));

    await expect(log.commit([aFile('last')], range(99n, 100n))).rejects.toThrow('killed');
    const { state } = await CommitLog.open(objects);

    expect([state.sequence, state.files.length]).toEqual([100, 1]);
  });
});
