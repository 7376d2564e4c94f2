import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { openFileObjectStore } from './file-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { typescriptLoader } from './typescript-loader.ts';

describe('the object store on files under faults', () => {
  it('holds whole objects only when its writer is killed, and all that it told of', async () => {
    using folder = temporaryFolder();
    const told: number[] = [];
    const main = fileURLToPath(new URL('object-writer.ts', import.meta.url));
    const child = fork(main, [folder.path], { execArgv: typescriptLoader() });
    child.on('message', (n: number) => told.push(n));
    await eventually(() => expect(told.length).toBeGreaterThan(5), { withinMs: 30_000 });

    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;

    const store = await openFileObjectStore({ folder: folder.path });
    const keys: string[] = [];
    for await (const { key } of store.list('')) keys.push(key);
    for (const key of keys) {
      const bytes = await store.get(key);
      expect(bytes?.length).toBe(200_000);
      expect(new Set(bytes).size).toBe(1);
    }
    expect(keys).toEqual(expect.arrayContaining(['same', ...told.map((n) => `new/${n}`)]));
  });

  it('follows no link out of its folder, to read, to write or to list', async () => {
    using folder = temporaryFolder();
    using outside = temporaryFolder();
    writeFileSync(join(outside.path, 'secret'), 'secret');
    const store = await openFileObjectStore({ folder: folder.path });
    symlinkSync(outside.path, join(folder.path, 'objects', 'link'));
    mkdirSync(join(folder.path, 'objects', 'real'));
    symlinkSync(join(outside.path, 'secret'), join(folder.path, 'objects', 'real', 'file'));
    const denied = { code: 'permission_denied' };

    await expect(store.get('link/secret')).rejects.toMatchObject(denied);
    await expect(store.stat('link/secret')).rejects.toMatchObject(denied);
    await expect(store.localFile('link/secret')).rejects.toMatchObject(denied);
    await expect(store.put('link/new', Buffer.from('x'))).rejects.toMatchObject(denied);
    await expect(store.put('link/a/b/new', Buffer.from('x'))).rejects.toMatchObject(denied);
    await expect(store.delete('link/secret')).rejects.toMatchObject(denied);
    expect(await store.get('real/file')).toBeUndefined();
    await expect(store.localFile('real/file')).rejects.toMatchObject({ code: 'not_found' });
    expect(await keysOf(store)).toEqual([]);
    expect(readdirSync(outside.path)).toEqual(['secret']);
  });

  it('may itself lie behind a link', async () => {
    using folder = temporaryFolder();
    using place = temporaryFolder();
    const link = join(place.path, 'data');
    symlinkSync(folder.path, link);

    const store = await openFileObjectStore({ folder: link });
    await store.put('a/b', Buffer.from('x'));

    expect(await keysOf(store)).toEqual(['a/b']);
  });

  it('passes over what it has not written', async () => {
    using folder = temporaryFolder();
    const store = await openFileObjectStore({ folder: folder.path });
    await store.put('mine', Buffer.from('x'));
    for (const name of ['UPPER', 'a%2', 'sp ace', 'trailing.', '%61', '.DS_Store'])
      writeFileSync(join(folder.path, 'objects', name), 'x');

    expect(await keysOf(store)).toEqual(['mine']);
  });

  it('clears away what a killed writer left a day ago, and nothing younger', async () => {
    using folder = temporaryFolder();
    await openFileObjectStore({ folder: folder.path });
    const incoming = join(folder.path, 'incoming');
    writeFileSync(join(incoming, 'old'), 'x');
    writeFileSync(join(incoming, 'young'), 'x');
    utimesSync(join(incoming, 'old'), 0, 0);

    await openFileObjectStore({ folder: folder.path });

    expect(readdirSync(incoming)).toEqual(['young']);
  });

  it('tells a key that is a folder of another, or lies below one', async () => {
    using folder = temporaryFolder();
    const store = await openFileObjectStore({ folder: folder.path });
    await store.put('a/b', Buffer.from('x'));

    await expect(store.put('a', Buffer.from('y'))).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(store.put('a/b/c', Buffer.from('y'))).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    expect(await store.get('a/b/c')).toBeUndefined();
    expect(await keysOf(store)).toEqual(['a/b']);
  });
});

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}
