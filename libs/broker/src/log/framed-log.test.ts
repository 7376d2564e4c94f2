import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { expect, it } from 'vitest';
import { realDisk } from './disk.ts';
import { FramedLog } from './framed-log.ts';

type Change = { readonly key: string; readonly value: number };

/** A map kept by its changes. */
async function openMap(folder: string, rewriteAboveBytes = 1_000_000) {
  const state = new Map<string, number>();
  const apply = ({ key, value }: Change) => state.set(key, value);
  const journal = await FramedLog.open<Change>(
    {
      path: join(folder, 'map.journal'),
      disk: realDisk,
      isSynced: true,
      log: silentLogger,
      onFatal: (error) => {
        throw error;
      },
      rewriteAboveBytes,
    },
    apply,
    () => [...state].map(([key, value]) => ({ key, value })),
  );
  const set = async (key: string, value: number) => {
    await journal.append({ key, value });
    apply({ key, value });
  };
  return { state, set, close: () => journal.close() };
}

it('a journal cut at any byte gives the records before the cut, and takes more', async () => {
  using temporary = temporaryFolder();
  const first = await openMap(temporary.path);
  for (let value = 1; value <= 5; value++) await first.set('k', value);
  await first.close();
  const path = join(temporary.path, 'map.journal');
  const bytes = readFileSync(path);
  const frame = bytes.length / 5;

  for (let length = 0; length <= bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length));
    const map = await openMap(temporary.path);
    const whole = Math.floor(length / frame);
    expect(map.state.get('k')).toBe(whole === 0 ? undefined : whole);
    expect(statSync(path).size).toBe(whole * frame);
    await map.close();
  }
});

it('a journal of history is rewritten from the state, while records keep coming', async () => {
  using temporary = temporaryFolder();
  const map = await openMap(temporary.path, 2000);

  await Promise.all(Array.from({ length: 500 }, (_, value) => map.set(`k${value % 7}`, value)));
  for (let value = 500; value < 1000; value++) await map.set(`k${value % 7}`, value);
  await map.close();

  expect(statSync(join(temporary.path, 'map.journal')).size).toBeLessThan(5000);
  expect(readdirSync(temporary.path)).toEqual(['map.journal']);
  const again = await openMap(temporary.path);
  expect(again.state).toEqual(map.state);
  expect(again.state.get('k5')).toBe(999);
  await again.close();
});
