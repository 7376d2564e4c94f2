import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startBrokerProcess } from '@flywheel/broker';
import type { BrokerProcess, BrokerProcessOptions } from '@flywheel/broker';
import { AppError } from '@flywheel/core';
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
import type { BrokerSecurity } from '@flywheel/kafka';
import type {
  Analytics,
  Migration,
  ObjectStore,
  OnlineStore,
  Sql,
  SqlOptions,
} from '@flywheel/storage';
import type { Environment } from './config.ts';
import type { PlatformConfig } from './platform-config.ts';

const ORPHAN_LEAVES_WITHIN_MS = 10_000;

/** What a process stands on: the same five things whether they are embedded or real servers. */
export type Platform = {
  readonly brokers: readonly string[];
  /** How to sign in to the brokers, where they ask for it. */
  readonly brokerSecurity: BrokerSecurity | undefined;
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

type Servers = Pick<Platform, 'brokers' | 'brokerSecurity' | 'addresses' | 'objects' | 'failed'> & {
  databaseUrl: string;
  openOnlineStore(namespace: string, log: Logger): Promise<OnlineStore>;
  /** Folders that DuckDB may read. */
  readable: readonly string[];
};

export async function createPlatform(
  config: PlatformConfig,
  log: Logger,
  scope: Scope,
  { environment, ...options }: Pick<SqlOptions, 'checkNesting'> & { environment: Environment },
): Promise<Platform> {
  const data = resolve(config.FLYWHEEL_DATA);
  mkdirSync(data, { recursive: true });
  const servers =
    config.FLYWHEEL_PLATFORM === 'embedded'
      ? await startEmbedded(config, data, { environment, log, scope })
      : await connectDistributed(config, data);
  const folderOf = (service: string) => {
    const folder = join(data, 'services', service);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
  return {
    ...servers,
    openSql: (schema, migrations, serviceLog) =>
      openSql({ ...options, url: servers.databaseUrl, schema, migrations, log: serviceLog }),
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
  { environment, log, scope }: { environment: Environment; log: Logger; scope: Scope },
): Promise<Servers> {
  const starting = [
    startBrokerPatiently(
      {
        folder: join(data, 'log'),
        port: config.FLYWHEEL_KAFKA_PORT,
        environment,
        log: log.child({ part: 'broker' }),
      },
      scope,
    ),
    startEmbeddedPostgres({
      folder: join(data, 'sql'),
      port: config.FLYWHEEL_SQL_PORT,
      log: log.child({ part: 'sql' }),
    }),
  ] as const;
  // Also the one that is still starting when the other fails: the next start must not meet it.
  scope.defer(() => Promise.all(starting.map(closeOnceStarted)));
  const [broker, postgres] = await Promise.all(starting);

  const objects = await openFileObjectStore({ folder: join(data, 'objects') });
  return {
    brokers: [`127.0.0.1:${broker.port}`],
    brokerSecurity: undefined,
    addresses: { kafka: `127.0.0.1:${broker.port}`, sql: postgres.url },
    databaseUrl: postgres.url,
    objects,
    openOnlineStore: (namespace) =>
      Promise.resolve(openLmdbOnlineStore({ folder: join(data, 'online'), namespace })),
    readable: [join(data, 'objects')],
    failed: Promise.race([
      broker.exited.then(ended('embedded broker', scope)),
      postgres.exited.then(ended('embedded PostgreSQL', scope)),
    ]),
  };
}

/**
 * The data folder is locked, so whoever still holds the log is the broker of a process that was killed: it is about to
 * leave, and is waited for.
 */
async function startBrokerPatiently(
  options: BrokerProcessOptions,
  scope: Scope,
): Promise<BrokerProcess> {
  const deadlineMs = performance.now() + ORPHAN_LEAVES_WITHIN_MS;
  for (;;) {
    try {
      return await startBrokerProcess(options);
    } catch (error) {
      const isHeld = error instanceof AppError && error.details?.['pid'] !== undefined;
      if (!isHeld || scope.isClosing || performance.now() > deadlineMs) throw error;
      await delay(50);
    }
  }
}

async function closeOnceStarted(starting: Promise<AsyncDisposable>): Promise<void> {
  const server = await starting.catch(() => undefined); // its failure was told by the start
  await server?.[Symbol.asyncDispose]();
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
    brokerSecurity: brokerSecurity(config),
    addresses: { kafka: config.KAFKA_BROKERS.join(',') },
    databaseUrl: config.DATABASE_URL.reveal(),
    objects,
    openOnlineStore: (namespace, log) =>
      openRedisOnlineStore({ url: config.REDIS_URL.reveal(), namespace, log }),
    readable: [cacheFolder],
    failed: new Promise<never>(() => undefined),
  };
}

function brokerSecurity(
  config: PlatformConfig & { FLYWHEEL_PLATFORM: 'distributed' },
): BrokerSecurity {
  const { KAFKA_TLS, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD } = config;
  const ssl = KAFKA_TLS;
  if (!KAFKA_SASL_MECHANISM || !KAFKA_USERNAME || !KAFKA_PASSWORD) return { ssl };
  const credentials = { username: KAFKA_USERNAME, password: KAFKA_PASSWORD.reveal() };
  switch (KAFKA_SASL_MECHANISM) {
    case 'plain':
      return { ssl, sasl: { mechanism: 'plain', ...credentials } };
    case 'scram-sha-256':
      return { ssl, sasl: { mechanism: 'scram-sha-256', ...credentials } };
    case 'scram-sha-512':
      return { ssl, sasl: { mechanism: 'scram-sha-512', ...credentials } };
  }
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
