import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLogger } from '@flywheel/core';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';

/**
 * An embedded PostgreSQL with an empty database on a free port, for one test file; its folder goes when it is disposed. Its making
 * (seconds, and 800 MB) happens once per machine: later ones copy what the first has left in the temporary folder.
 */
export async function startTestPostgres(): Promise<EmbeddedPostgres> {
  const folder = await freshPostgresFolder();
  const server = await startEmbeddedPostgres({ folder, port: 0, log: silentLogger });
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A folder of the caller's with an empty database in it. */
export async function freshPostgresFolder(): Promise<string> {
  const template = await makeTemplate();
  const folder = await mkdtemp(join(tmpdir(), 'flywheel-postgres-'));
  await cp(template, folder, { recursive: true, preserveTimestamps: true });
  return folder;
}

async function makeTemplate(): Promise<string> {
  const template = join(
    tmpdir(),
    `flywheel-postgres-template-${await version()}-${userInfo().uid}`,
  );
  if (existsSync(template)) return template;
  const folder = await mkdtemp(join(tmpdir(), 'flywheel-postgres-'));
  const server = await startEmbeddedPostgres({ folder, port: 0, log: silentLogger });
  await server[Symbol.asyncDispose]();
  try {
    await rename(folder, template);
  } catch {
    // Another test file was quicker.
    await rm(folder, { recursive: true, force: true });
  }
  return template;
}

/** PGlite's, as another may make another folder. */
async function version(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const text = await readFile(join(dirname(entry), '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
