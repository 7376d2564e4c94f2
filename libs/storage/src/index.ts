export { openSql } from './sql.ts';
export type { Sql, SqlOptions, SqlRow, SqlTransaction } from './sql.ts';
export type { Migration } from './migrations.ts';
export { exactJson, parseExactJson } from './exact-json.ts';
export { startEmbeddedPostgres } from './embedded-postgres.ts';
export type { EmbeddedPostgres } from './embedded-postgres.ts';
export { onlineStoreLimits } from './online-store.ts';
export type { CallOptions, Change, OnlineStore, OnlineStoreEntry } from './online-store.ts';
export { openLmdbOnlineStore } from './lmdb-online-store.ts';
export type {
  ObjectBody,
  ObjectRange,
  ObjectStat,
  ObjectStore,
  PutOptions,
} from './object-store.ts';
export { openFileObjectStore } from './file-object-store.ts';
export { openAnalytics, sqlName, sqlText } from './analytics.ts';
export type {
  Analytics,
  AnalyticsColumn,
  AnalyticsOptions,
  AnalyticsRow,
  AnalyticsValue,
} from './analytics.ts';
export { openRedisOnlineStore } from './redis-online-store.ts';
export { openS3ObjectStore } from './s3-object-store.ts';
export type { S3Options } from './s3-object-store.ts';
