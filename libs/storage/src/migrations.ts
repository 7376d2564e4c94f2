import { AppError, type Logger, invalid, sha256 } from '@flywheel/core';
import type { SqlTransaction } from './sql.ts';

/** A step of a schema's history: `name` like '0001-create-runs'; `sql` may hold several statements. */
export type Migration = { name: string; sql: string };

/** Throws unless the names are well formed, unique and ascending. */
export function checkMigrations(migrations: readonly Migration[]): void {
  let previous = '';
  for (const { name } of migrations) {
    if (!/^\d{4}-[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
      throw invalid('migrations', "names look like '0001-create-runs'", { name });
    if (name <= previous) throw invalid('migrations', 'names must ascend', { name });
    previous = name;
  }
}

/**
 * Creates the schema and runs what is pending, in order, in the transaction it is given: all or nothing. A lock held
 * to the end of the transaction lets one process at a time through. A migration that ran must not change: its digest
 * is kept. One that ran and is not listed (a newer release was here) is left alone.
 */
export async function migrate(
  tx: SqlTransaction,
  options: { schema: string; migrations: readonly Migration[]; log: Logger },
): Promise<void> {
  const { schema, migrations, log } = options;
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `flywheel migrations of ${schema}`,
  ]);
  await tx.query(`create schema if not exists "${schema}"`);
  await tx.query(
    `create table if not exists "${schema}".migrations (
       name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
  );
  const rows = await tx.query<{ name: string; sha256: string }>(
    `select name, sha256 from "${schema}".migrations order by name`,
  );
  const appliedDigests = new Map(rows.map((row) => [row.name, row.sha256]));
  const newest = rows.at(-1)?.name ?? '';
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = rows.map(({ name }) => name).filter((name) => !known.has(name));
  if (unknown.length > 0) log.warn({ schema, unknown }, 'the schema is newer than this program');

  for (const { name, sql } of migrations) {
    const digest = sha256(sql.replaceAll('\r\n', '\n'));
    const appliedDigest = appliedDigests.get(name);
    if (appliedDigest === digest) continue;
    if (appliedDigest !== undefined)
      throw new AppError('conflict', 'a migration was changed after it ran', {
        details: { schema, name },
      });
    if (name < newest)
      throw new AppError('conflict', 'a migration was added before one that ran', {
        details: { schema, name, newest },
      });
    await tx.query(sql);
    await tx.query(`insert into "${schema}".migrations (name, sha256) values ($1, $2)`, [
      name,
      digest,
    ]);
    log.info({ schema, migration: name }, 'migration applied');
  }
}
