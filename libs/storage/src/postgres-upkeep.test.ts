import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBackend } from './pglite-backend.ts';
import { keepTidy } from './postgres-upkeep.ts';
import { rowsOfSimpleQuery } from './postgres-wire.ts';
import { SharedBackend } from './shared-backend.ts';
import { freshPostgresFolder } from './test-postgres.ts';

describe('the upkeep of the embedded PostgreSQL', () => {
  it('keeps the log and the tables small while rows come and go, and rests when nothing changes', async () => {
    const folder = await freshPostgresFolder();
    const data = join(folder, 'pg');
    const { backend, welcome, close } = await openBackend(data);
    const shared = new SharedBackend(backend, {
      welcome,
      idleInTransactionMs: 1_000,
      fail: (error) => {
        throw error;
      },
    });
    const ask = async (statement: string) => rowsOfSimpleQuery(await shared.execute(statement));
    const logBytes = () => sizeOf(join(data, 'pg_wal'));
    await ask('create table outbox (id int, body text)');
    let tidyAt = '';
    let bodyBytes = 0;

    for (let round = 0; round < 5; round++) {
      await ask(`insert into outbox select g, repeat('x', 1000) from generate_series(1, 8000) g`);
      await ask('delete from outbox');
      tidyAt = await keepTidy(shared, tidyAt);
      if (round === 2) [bodyBytes = 0] = (await ask(`select pg_table_size('outbox')`)).map(Number);
    }

    // Some 12 MB of rows and 16 MB of log a round.
    expect(logBytes()).toBeLessThan(80 * 1024 * 1024);
    expect(Number((await ask(`select pg_table_size('outbox')`))[0])).toBeLessThanOrEqual(bodyBytes);
    expect(await keepTidy(shared, tidyAt)).toBe(tidyAt);
    await shared.close();
    await close();
    await rm(folder, { recursive: true });
  });
});

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
}
