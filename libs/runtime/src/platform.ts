import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startBrokerProcess } from '@flywheel/broker';
import type { Logger, Scope } from '@flywheel/core';
import {
  openAnalytics,
  openFileObjectStore,
  openLmdbOnlineStore,
  openRedisOnlineStore,
  openS3ObjectStore,
  openSql,
  startEmbeddedPostgres,
} from '@flywheel/storage';
import type { Analytics, Migration, ObjectStore, OnlineStore, Sql } from '@flywheel/storage';
import type { PlatformConfig } from './platform-config.ts';

/** What a process stands on: the same five things whether they are embedded or real servers. */
export type Platform = {
  readonly brokers: readonly string[];
  /** Loopback ports of the embedded servers, for a person to connect to. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly objects: ObjectStore;
  openSql(schema: string, migrations: readonly Migration[], log: Logger): Promise<Sql>;
  openOnlineStore(namespace: string, log: Logger): Promise<OnlineStore>;
  openAnalytics(options: {
    threads?: number;
    memoryLimitMb?: number;
    folder: string;
  }): Promise<Analytics>;
  /** Local scratch and spool folder of a service. */
  folderOf(service: string): string;
  /** Rejects when a server that belongs to this process ends. */
  readonly failed: Promise<never>;
};

type Servers = Pick<Platform, 'brokers' | 'addresses' | 'objects' | 'failed'> & {
  databaseUrl: string;
  openOnlineStore(namespace: string, log: Logger): Promise<OnlineStore>;
  /** Folders that DuckDB may read. */
  readable: readonly string[];
};

export async function createPlatform(
  config: PlatformConfig,
  log: Logger,
  scope: Scope,
): Promise<Platform> {
  const data = resolve(config.FLYWHEEL_DATA);
  mkdirSync(data, { recursive: true });
  const servers =
    config.FLYWHEEL_PLATFORM === 'embedded'
      ? await startEmbedded(config, data, log, scope)
      : await connectDistributed(config, data);
  const folderOf = (service: string) => {
    const folder = join(data, 'services', service);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  return {
    ...servers,
    openSql: (schema, migrations, serviceLog) =>
      openSql({ url: servers.databaseUrl, schema, migrations, log: serviceLog, maxConnections: 4 }),
    openAnalytics: ({ folder, ...limits }) =>
      openAnalytics({
        ...limits,
        temporaryFolder: join(folder, 'duckdb'),
        allowedFolders: [...servers.readable, folder],
      }),
    folderOf,
  };
}

async function startEmbedded(
  config: PlatformConfig & { FLYWHEEL_PLATFORM: 'embedded' },
  data: string,
  log: Logger,
  scope: Scope,
): Promise<Servers> {
  const started = await Promise.allSettled([
    startBrokerProcess({
      folder: join(data, 'log'),
      port: config.FLYWHEEL_KAFKA_PORT,
      log: log.child({ part: 'broker' }),
    }),
    startEmbeddedPostgres({
      folder: join(data, 'sql'),
      port: config.FLYWHEEL_SQL_PORT,
      log: log.child({ part: 'sql' }),
    }),
  ]);
  for (const server of started) if (server.status === 'fulfilled') scope.use(server.value);
  const [broker, postgres] = started;
  if (broker.status === 'rejected') throw broker.reason;
  if (postgres.status === 'rejected') throw postgres.reason;

  const objects = await openFileObjectStore({ folder: join(data, 'objects') });
  return {
    brokers: [`127.0.0.1:${broker.value.port}`],
    addresses: { kafka: `127.0.0.1:${broker.value.port}`, sql: postgres.value.url },
    databaseUrl: postgres.value.url,
    objects,
    openOnlineStore: (namespace) =>
      Promise.resolve(openLmdbOnlineStore({ folder: join(data, 'online'), namespace })),
    readable: [join(data, 'objects')],
    failed: Promise.race([
      broker.value.exited.then(ended('embedded broker', scope)),
      postgres.value.exited.then(ended('embedded PostgreSQL', scope)),
    ]),
  };
}

async function connectDistributed(
  config: PlatformConfig & { FLYWHEEL_PLATFORM: 'distributed' },
  data: string,
): Promise<Servers> {
  const cacheFolder = join(data, 'cache');
  const objects = await openS3ObjectStore({
    ...(config.S3_ENDPOINT === undefined ? {} : { endpoint: config.S3_ENDPOINT }),
    region: config.S3_REGION,
    bucket: config.S3_BUCKET,
    accessKeyId: config.S3_ACCESS_KEY_ID.reveal(),
    secretAccessKey: config.S3_SECRET_ACCESS_KEY.reveal(),
    cacheFolder,
  });
  return {
    brokers: config.KAFKA_BROKERS,
    addresses: { kafka: config.KAFKA_BROKERS.join(',') },
    databaseUrl: config.DATABASE_URL.reveal(),
    objects,
    openOnlineStore: (namespace, log) =>
      openRedisOnlineStore({ url: config.REDIS_URL.reveal(), namespace, log }),
    readable: [cacheFolder],
    failed: new Promise<never>(() => undefined),
  };
}

function ended(
  server: string,
  scope: Scope,
): (exit: { code: number | null; signal: string | null }) => Promise<never> {
  return ({ code, signal }) =>
    scope.isClosing
      ? new Promise<never>(() => undefined)
      : Promise.reject(
          new Error(`${server} ended by itself (${signal ?? `exit code ${code ?? '?'}`})`),
        );
}
