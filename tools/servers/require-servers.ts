import { resolve } from 'node:path';
import { makeServers } from './catalog.ts';
import { DebianPackages } from './debian.ts';
import { serverNames } from './server.ts';
import { readSettings } from './settings.ts';
import { sentence } from './wait.ts';

/** Runs once before the suites on servers: without healthy servers they would fail one by one for the same reason. */
export async function setup(): Promise<void> {
  const settings = readSettings(process.env, resolve(import.meta.dirname, '..', '..'));
  for (const server of makeServers(serverNames, settings, new DebianPackages()))
    await server.healthy().catch((error: unknown) => {
      throw new Error(
        `${server.name} at ${server.address} is not healthy (${sentence(error)}): npm run servers`,
      );
    });
}
