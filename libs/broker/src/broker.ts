import { join } from 'node:path';
import { AppError, Scope, invalid, newId, systemClock } from '@flywheel/core';
import { apiTable } from './apis/table.ts';
import { deferred } from './deferred.ts';
import { lockFolder } from './folder-lock.ts';
import { CommittedOffsets } from './groups/committed-offsets.ts';
import { Coordinator } from './groups/coordinator.ts';
import { codeOf, realDisk } from './log/disk.ts';
import { ReadFiles } from './log/read-files.ts';
import { TailCache } from './log/tail-cache.ts';
import type { BrokerOptions } from './options.ts';
import { KafkaServer } from './server.ts';
import { Topics } from './topics.ts';

export type Broker = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Rejects when the broker can no longer keep its promises (a failed fdatasync): the process must end. */
  readonly failed: Promise<never>;
};

const mebibyte = 1024 * 1024;
const maxOpenFiles = 128;
const maxTailChunks = 20_000;
const maxFetchBytes = 50 * mebibyte;
const maxFetchWaitMs = 60_000;
const connectionLimits = { maxFrameBytes: 100 * mebibyte, maxUnansweredBytes: 16 * mebibyte };

/**
 * Starts the broker in this process. Throws `conflict` when the port is taken or another process holds the folder, and
 * what an operator can mend besides: a full disk, a folder that cannot be written.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { folder, log, host = '127.0.0.1' } = options;
  const scope = new Scope();
  const failure = deferred<never>();
  try {
    scope.use(await lockFolder(folder));
    const readFiles = scope.use(new ReadFiles(maxOpenFiles));
    const environment = {
      disk: options.disk ?? realDisk,
      readFiles,
      tailCache: new TailCache({
        maxBytes: options.tailCacheBytes ?? 16 * mebibyte,
        maxChunks: maxTailChunks,
      }),
      isSynced: options.durability !== 'none',
      clock: options.clock ?? systemClock,
      log,
      onFatal: (error: unknown) => {
        log.error({ err: error }, 'storage failed');
        failure.reject(error);
      },
    };
    const topics = await Topics.open(folder, environment);
    scope.defer(() => topics.close());
    const offsets = await CommittedOffsets.open({
      ...environment,
      path: join(folder, 'offsets.journal'),
      rewriteAboveBytes: 4 * mebibyte,
    });
    scope.defer(() => offsets.close());
    const coordinator = new Coordinator(offsets, {
      minSessionTimeoutMs: options.minSessionTimeoutMs ?? 100,
      maxSessionTimeoutMs: options.maxSessionTimeoutMs ?? 30 * 60 * 1000,
      initialRebalanceDelayMs: options.initialRebalanceDelayMs ?? 0,
      newMemberId: (clientId) => `${clientId}-${newId()}`,
    });
    const address = { host, port: options.port };
    const defaultPartitions = options.defaultPartitions ?? 1;
    const apis = apiTable({
      topics,
      coordinator,
      advertised: () => address,
      brokerConfigs: () => ({
        'advertised.listeners': `PLAINTEXT://${address.host}:${address.port}`,
        'auto.create.topics.enable': 'false',
        'broker.id': '1',
        'default.replication.factor': '1',
        'group.initial.rebalance.delay.ms': String(options.initialRebalanceDelayMs ?? 0),
        'log.dirs': folder,
        'num.partitions': String(defaultPartitions),
      }),
      defaultPartitions,
      maxFetchBytes,
      maxFetchWaitMs,
      log,
    });
    const server = await KafkaServer.listen(address, apis, connectionLimits, log);
    address.port = server.port;
    scope.use(server);
    scope.defer(() => coordinator.end()); // before the connections: who waits for a group is answered
    log.info({ host, port: server.port, folder }, 'broker ready');
    return {
      host,
      port: server.port,
      failed: failure.promise,
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw startError(error, folder);
  }
}

/** What an operator can do something about gets a sentence. */
function startError(error: unknown, folder: string): unknown {
  if (error instanceof AppError) return error;
  const options = { details: { folder, reason: codeOf(error) }, cause: error };
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('resource_exhausted', 'disk of the data folder is full', options);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AppError('permission_denied', 'data folder cannot be written', options);
    case 'EEXIST':
    case 'ENOENT':
    case 'ENOTDIR':
      return invalid('folder', 'must be a folder or a path where one can be made', { folder });
    default:
      return error;
  }
}
