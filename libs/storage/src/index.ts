export { openSql } from './sql.ts';
export type { Sql, SqlOptions, SqlRow, SqlTransaction } from './sql.ts';
export type { Migration } from './migrations.ts';
export { exactJson, parseExactJson } from './exact-json.ts';
export { startEmbeddedPostgres } from './embedded-postgres.ts';
export type { EmbeddedPostgres } from './embedded-postgres.ts';
