import type { DebianPackages } from './debian.ts';
import { kafka } from './kafka.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import { s3 } from './s3.ts';
import type { Server, ServerName } from './server.ts';
import type { Settings } from './settings.ts';

const factories: Readonly<
  Record<ServerName, (settings: Settings, debian: DebianPackages) => Server>
> = { kafka, postgres, redis, s3 };

/** The servers by these names, none of them touched yet. */
export function makeServers(
  names: readonly ServerName[],
  settings: Settings,
  debian: DebianPackages,
): readonly Server[] {
  return names.map((name) => factories[name](settings, debian));
}

/** All variables that lead the platform to these servers. */
export function environmentOf(servers: readonly Server[]): Readonly<Record<string, string>> {
  return Object.assign({}, ...servers.map((server) => server.environment())) as Record<
    string,
    string
  >;
}
