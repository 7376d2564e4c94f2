import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, silentLogger, systemClock } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { openAnalytics, openFileObjectStore } from '@flywheel/storage';
import type { ObjectStore } from '@flywheel/storage';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CommitLog } from './commit-log.ts';
import { LakeWriter } from './lake-writer.ts';
import type { LakeRecord } from './lake-writer.ts';

const TOPIC = 'ingest.records';
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
let tests = 0;
let here: string;
let objects: ObjectStore;

beforeEach(async () => {
  here = join(folder.path, String(++tests));
  mkdirSync(join(here, 'scratch'), { recursive: true });
  objects = await openFileObjectStore({ folder: join(here, 'objects') });
});

/** Fails the put with this number, as a kill would: before it has any effect, or after it has all of it. */
function failingAt(puts: number, moment: 'before' | 'after'): ObjectStore {
  let left = puts;
  return {
    ...objects,
    get: (...given) => objects.get(...given),
    list: (...given) => objects.list(...given),
    put: async (...given) => {
      const isIt = left-- === 0;
      if (isIt && moment === 'before') throw new Error('killed');
      const stored = await objects.put(...given);
      if (isIt) throw new Error('killed');
      return stored;
    },
  };
}

async function openLake(
  store: ObjectStore = objects,
  onCommit: () => Promise<void> = () => Promise.resolve(),
) {
  const commits = await CommitLog.open(store);
  const lake = new LakeWriter({
    commits,
    objects: store,
    openAnalytics: () =>
      openAnalytics({ temporaryFolder: join(here, 'duckdb'), allowedFolders: [here] }),
    folder: join(here, 'scratch'),
    clock: systemClock,
    log: silentLogger,
    signal: new AbortController().signal,
    onCommit,
  });
  return { commits, lake };
}

const aRecord = (id: string, offset: bigint, dataset = 'd'): LakeRecord => ({
  ...{ dataset, id, text: `{"id":"${id}"}`, record: { id } },
  place: { topic: TOPIC, partition: 0, offset, receivedMs: 0 },
});

/** A log of one partition: what the lake takes of it from where it resumes, three records at a time. */
async function readOn(lake: LakeWriter, log: readonly LakeRecord[], upTo = log.length) {
  for (let at = Number(lake.resumeAt(TOPIC, 0)); at < upTo; at += 3) {
    const records = log.slice(at, Math.min(at + 3, upTo));
    await lake.take(TOPIC, 0, records, { from: BigInt(at), to: BigInt(at + records.length) });
    if (at % 6 === 0) await lake.flush();
  }
  await lake.flush();
}

/** Ids in all committed files, in order. */
async function idsInTheLake(dataset = 'd'): Promise<string[]> {
  const { commits } = await openLake();
  const files = commits.state.files.filter((file) => file.dataset === dataset);
  await using analytics = await openAnalytics({
    temporaryFolder: join(here, 'duckdb'),
    allowedFolders: [here],
  });
  const ids: string[] = [];
  for (const file of files) {
    const path = await objects.localFile(file.key);
    const rows = await analytics.rows<{ _id: string }>(
      `select _id from read_parquet('${path}') order by _offset`,
    );
    expect(rows).toHaveLength(file.records);
    ids.push(...rows.map(({ _id }) => _id));
  }
  return ids;
}

const log = Array.from({ length: 20 }, (_, index) => aRecord(`b/${index}`, BigInt(index)));
const all = log.map(({ id }) => id);

describe('the lake', () => {
  it('has every record once, in the order of the log', async () => {
    const { lake } = await openLake();

    await readOn(lake, log);

    expect(await idsInTheLake()).toEqual(all);
    expect(lake.records('d')).toBe(20);
  });

  it('has every record once wherever it is killed', { timeout: 60_000 }, async () => {
    let isDone = false;
    for (let puts = 0; !isDone; puts++)
      for (const moment of ['before', 'after'] as const) {
        here = join(folder.path, `kill-${puts}-${moment}`);
        mkdirSync(join(here, 'scratch'), { recursive: true });
        objects = await openFileObjectStore({ folder: join(here, 'objects') });
        const killed = await openLake(failingAt(puts, moment));

        isDone = await readOn(killed.lake, log).then(
          () => true,
          () => false,
        );
        const { lake } = await openLake();
        await readOn(lake, log);

        expect(await idsInTheLake()).toEqual(all);
      }
  });

  it('takes a producer’s repetition once, near and far, and the same id in another dataset', async () => {
    const { lake } = await openLake();
    const repeated = [
      aRecord('b/0', 0n),
      aRecord('b/0', 1n),
      aRecord('b/1', 2n),
      aRecord('b/0', 3n, 'other'),
      aRecord('free text', 4n),
      aRecord('b/0', 5n),
      aRecord('free text', 6n),
    ];

    await readOn(lake, repeated);

    expect(await idsInTheLake()).toEqual(['b/0', 'b/1', 'free text']);
    expect(await idsInTheLake('other')).toEqual(['b/0']);
  });

  it('counts each record once at every moment, also while a checkpoint is written', async () => {
    const counts = new Set<number>();
    const { lake, commits } = await openLake({
      ...objects,
      get: (...given) => objects.get(...given),
      list: (...given) => objects.list(...given),
      put: async (...given) => {
        counts.add(lake.records('d'));
        const stored = await objects.put(...given);
        counts.add(lake.records('d'));
        return stored;
      },
    });
    for (let at = 0n; at < 99n; at++)
      await commits.commit([], new Map([['t/0', { from: at, to: at + 1n }]]));
    counts.clear();

    await lake.take(TOPIC, 0, log.slice(0, 3), { from: 0n, to: 3n });
    await lake.flush(); // the hundredth commit

    expect(commits.state.sequence).toBe(100);
    expect([...counts]).toEqual([3]);
  });

  it('loses no record of a batch that could not be buffered, when the batch comes again', async () => {
    const { lake } = await openLake();
    const scratch = join(here, 'scratch');
    rmSync(scratch, { recursive: true });

    const refused = lake.take(TOPIC, 0, log.slice(0, 3), { from: 0n, to: 3n });
    await expect(refused).rejects.toMatchObject({ retryable: true });
    mkdirSync(scratch);
    await lake.take(TOPIC, 0, log.slice(0, 3), { from: 0n, to: 3n });
    await lake.flush();

    expect(await idsInTheLake()).toEqual(['b/0', 'b/1', 'b/2']);
  });

  it('waits for an object store and a catalog that are away, and has every record once', async () => {
    const away = (times: number) => {
      let left = times;
      return () => {
        if (left-- > 0) throw new AppError('unavailable', 'the store did not answer');
      };
    };
    const [storeAnswers, catalogAnswers] = [away(2), away(1)];
    const { lake } = await openLake(
      {
        ...objects,
        get: (...given) => objects.get(...given),
        list: (...given) => objects.list(...given),
        put: async (...given) => {
          storeAnswers();
          return objects.put(...given);
        },
      },
      () => Promise.resolve().then(catalogAnswers),
    );

    await readOn(lake, log);

    expect(await idsInTheLake()).toEqual(all);
  });

  it('tells the commit of a flush to whoever asks for one later, failure and all', async () => {
    const { lake } = await openLake(failingAt(0, 'before'));
    await lake.take(TOPIC, 0, log.slice(0, 3), { from: 0n, to: 3n });

    await expect(lake.flush()).rejects.toThrow('killed');
    await expect(lake.flush()).rejects.toThrow('killed'); // the process must end: it reads on from the commit
  });
});
