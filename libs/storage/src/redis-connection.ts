import { Cluster, Redis } from 'ioredis';
import { type Logger, invalid } from '@flywheel/core';
import { toRedisError } from './redis-errors.ts';

/** How a store talks to one Redis or to a cluster: many commands at once, each with one key. */
export type RedisConnection = {
  /** The answers in the order of the commands; throws the first error after all have ended. */
  runAll(commands: readonly RedisCommand[]): Promise<unknown[]>;
  /** One per server that holds keys of its own. */
  masters(): Redis[];
  close(): void;
};

/** A command's name, its key, and what follows. */
export type RedisCommand = readonly [name: string, key: Buffer, ...rest: (Buffer | string)[]];

const connectWithinMs = 10_000;

/** Compares the eight bytes of the order by number, as Lua's own comparison of text depends on the server's locale. */
const putOrdered = `
local stored = redis.call('GETRANGE', KEYS[1], 0, 8)
if #stored == 9 and string.byte(stored, 1) == 1 then
  for at = 2, 9 do
    local old, new = string.byte(stored, at), string.byte(ARGV[1], at)
    if old > new then return 0 end
    if old < new then break end
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1`;

/** Writes where the stored bytes still have the digest they were read with ('' where nothing stood). */
const putUnchanged = `
local stored = redis.call('GET', KEYS[1])
if (stored and redis.sha1hex(stored) or '') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1`;

const settings = {
  lazyConnect: true,
  connectTimeout: 5_000,
  commandTimeout: connectWithinMs,
  maxRetriesPerRequest: 3,
  retryStrategy: (times: number) => Math.min(times * 50, 1_000),
  scripts: {
    putOrdered: { lua: putOrdered, numberOfKeys: 1 },
    putUnchanged: { lua: putUnchanged, numberOfKeys: 1 },
  },
};

export async function connectRedis(url: string, log: Logger): Promise<RedisConnection> {
  const [first = '', ...others] = url.split(',');
  if (!/^rediss?:\/\//.test(first)) throw invalid('url', "must begin with 'redis://'");
  const client =
    others.length === 0
      ? new Redis(first, settings)
      : new Cluster([first, ...others.map((node) => new URL(`redis://${node}`).href)], {
          lazyConnect: true,
          scripts: settings.scripts,
          redisOptions: { connectTimeout: 5_000, commandTimeout: connectWithinMs },
          clusterRetryStrategy: settings.retryStrategy,
        });
  client.on('error', (err: unknown) => log.warn({ err }, 'the online store has lost a connection'));
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw toRedisError(error);
  }
  return client instanceof Cluster ? onCluster(client) : onOne(client);
}

function onOne(redis: Redis): RedisConnection {
  return {
    async runAll(commands) {
      const pipeline = redis.pipeline();
      for (const [name, key, ...rest] of commands) call(pipeline, name, key, rest);
      const answers = (await pipeline.exec()) ?? [];
      return answers.map(([error, answer]) => {
        if (error) throw error;
        return answer;
      });
    },
    masters: () => [redis],
    close: () => redis.disconnect(),
  };
}

/** A pipeline of a cluster takes the keys of one slot only, so each command goes by itself, all at once. */
function onCluster(cluster: Cluster): RedisConnection {
  return {
    async runAll(commands) {
      const answers = await Promise.allSettled(
        commands.map(([name, key, ...rest]) => call(cluster, name, key, rest)),
      );
      return answers.map((answer) => {
        if (answer.status === 'rejected') throw answer.reason;
        return answer.value;
      });
    },
    masters: () => cluster.nodes('master'),
    close: () => cluster.disconnect(),
  };
}

type Caller = Record<string, (...values: (Buffer | string)[]) => unknown>;

/** The methods that end in `Buffer` give bytes as bytes; scripts have them too. */
function call(
  target: object,
  name: string,
  key: Buffer,
  rest: readonly (Buffer | string)[],
): unknown {
  const method = (target as Caller)[`${name}Buffer`] ?? (target as Caller)[name];
  if (!method) throw new Error(`redis has no command ${name}`);
  return method.call(target, key, ...rest);
}
