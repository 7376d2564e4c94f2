import type { Logger } from '@flywheel/core';
import type { OnlineStore } from './online-store.ts';
import { namespacePrefix } from './online-store.ts';

/**
 * An online store on one Redis (`redis://host:port`) or on a cluster, named by some of its nodes
 * (`redis://host:port,host:port`). Writes are as durable as the server is configured. Listing keys looks through the
 * server's whole key space. Throws `unavailable` when the server does not answer.
 */
export async function openRedisOnlineStore(options: {
  url: string;
  namespace: string;
  log: Logger;
}): Promise<OnlineStore> {
  const prefix = namespacePrefix(options.namespace);
  const { connectRedis } = await import('./redis-connection.ts');
  const { RedisOnlineStore } = await import('./redis-keyed-store.ts');
  return new RedisOnlineStore(await connectRedis(options.url, options.log), prefix);
}
