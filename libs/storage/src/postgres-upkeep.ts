import type { SharedBackend } from './shared-backend.ts';
import { rowsOfSimpleQuery } from './postgres-wire.ts';

/** The thresholds of PostgreSQL's autovacuum, which a single-user backend does not run. */
const worn = `
  select format('%I.%I', worn.schemaname, worn.relname) as name
    from pg_stat_user_tables worn join pg_class on pg_class.oid = worn.relid
   where n_dead_tup > 50 + 0.2 * greatest(reltuples, 0)
      or n_mod_since_analyze > 50 + 0.1 * greatest(reltuples, 0)
   order by 1`;

/**
 * Does now and then what a full server does in the background: a checkpoint, so that the WAL stays small, and vacuum
 * with analyze of tables that changed much. Does nothing while nothing is written.
 */
export async function keepTidy(shared: SharedBackend, lastSeen: string): Promise<string> {
  const [position = lastSeen] = rowsOfSimpleQuery(
    await shared.execute('select pg_current_wal_lsn()'),
  );
  if (position === lastSeen) return lastSeen;
  // The counts of a session are else written down when it has rested for a while.
  await shared.execute('select pg_stat_force_next_flush()');
  for (const table of rowsOfSimpleQuery(await shared.execute(worn)))
    await shared.execute(`vacuum (analyze) ${table}`);
  await shared.execute('checkpoint');
  const [after = position] = rowsOfSimpleQuery(await shared.execute('select pg_current_wal_lsn()'));
  return after;
}
