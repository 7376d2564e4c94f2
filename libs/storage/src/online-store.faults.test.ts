import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { openLmdbOnlineStore } from './lmdb-online-store.ts';
import { typescriptLoader } from './typescript-loader.ts';

describe('the online store on lmdb under faults', () => {
  const startWriter = (folder: string, namespace: string) => {
    const told: number[] = [];
    const main = fileURLToPath(new URL('lmdb-writer.ts', import.meta.url));
    const child = fork(main, [folder, namespace], { execArgv: typescriptLoader() });
    child.on('message', (n: number) => told.push(n));
    return { child, told };
  };

  it('keeps all that was acknowledged when its writer is killed, and no half entry', async () => {
    using folder = temporaryFolder();
    const { child, told } = startWriter(folder.path, 'n');
    await eventually(() => expect(told.length).toBeGreaterThan(50), { withinMs: 30_000 });

    await kill(child);

    await using store = openLmdbOnlineStore({ folder: folder.path, namespace: 'n' });
    for (const n of told)
      expect(await store.getMany([0, 1, 2].map((part) => Buffer.from(`${n}/${part}`)))).toEqual(
        [0, 1, 2].map(() => new Uint8Array(2_000).fill(n % 251)),
      );
    expect(await store.put([{ key: Buffer.from('0/0'), value: Buffer.from('x'), order: 1n }])).toBe(
      1,
    );
  });

  it('lets two processes use one folder at the same time', async () => {
    using folder = temporaryFolder();
    await using store = openLmdbOnlineStore({ folder: folder.path, namespace: 'here' });
    await using theirs = openLmdbOnlineStore({ folder: folder.path, namespace: 'there' });
    const { child, told } = startWriter(folder.path, 'there');

    await eventually(
      async () => {
        await store.put([{ key: Buffer.from('k'), value: Buffer.from('v'), order: 1n }]);
        expect(told.length).toBeGreaterThan(10);
      },
      { withinMs: 30_000 },
    );

    const last = told.at(-1) ?? 0;
    expect((await theirs.getMany([Buffer.from(`${last}/2`)]))[0]).toEqual(
      new Uint8Array(2_000).fill(last % 251),
    );
    await kill(child);
    expect(await store.put([{ key: Buffer.from('k'), value: Buffer.from('w') }])).toBe(1);
  });

  it('cannot be used after it was closed, while another on the same folder can', async () => {
    using folder = temporaryFolder();
    await using open = openLmdbOnlineStore({ folder: folder.path, namespace: 'open' });
    const closed = openLmdbOnlineStore({ folder: folder.path, namespace: 'closed' });

    await closed[Symbol.asyncDispose]();
    await closed[Symbol.asyncDispose]();

    await expect(closed.getMany([Buffer.from('k')])).rejects.toThrow('closed');
    expect(await open.getMany([Buffer.from('k')])).toEqual([undefined]);
  });

  it('takes only names for a namespace', () => {
    using folder = temporaryFolder();

    for (const namespace of ['', 'a b', 'a\0b', 'x'.repeat(65)])
      expect(() => openLmdbOnlineStore({ folder: folder.path, namespace })).toThrow('namespace');
  });
});

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
