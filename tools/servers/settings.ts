import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ServerName } from './server.ts';

/** Where the servers live and listen. All ports are on loopback. */
export type Settings = {
  /** Data, logs and pid files; one folder per server. */
  readonly folder: string;
  /** Programs that are slow to install, shared by all clones of one user. */
  readonly cacheFolder: string;
  readonly ports: Readonly<Record<ServerName, number>>;
  /** How long a start may take, in milliseconds. */
  readonly startWithinMs: number;
};

/** Off the usual ports, so that a server of the machine's own is not in the way. */
const defaultPorts: Settings['ports'] = { kafka: 19092, postgres: 15432, redis: 16379, s3: 19000 };

/** Reads FLYWHEEL_SERVERS, FLYWHEEL_CACHE, FLYWHEEL_SERVER_<NAME>_PORT and FLYWHEEL_SERVER_START_MS. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  repository: string,
): Settings {
  const port = (name: ServerName): number =>
    wholeNumber(environment, `FLYWHEEL_SERVER_${name.toUpperCase()}_PORT`, {
      fallback: defaultPorts[name],
      max: 65_534,
    });
  return {
    folder: resolve(repository, environment['FLYWHEEL_SERVERS'] ?? '.flywheel/servers'),
    cacheFolder: resolve(environment['FLYWHEEL_CACHE'] ?? join(homedir(), '.cache', 'flywheel')),
    ports: {
      kafka: port('kafka'),
      postgres: port('postgres'),
      redis: port('redis'),
      s3: port('s3'),
    },
    startWithinMs: wholeNumber(environment, 'FLYWHEEL_SERVER_START_MS', {
      fallback: 240_000,
      max: 3_600_000,
    }),
  };
}

function wholeNumber(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  { fallback, max }: { fallback: number; max: number },
): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new Error(`${name} must be a whole number from 1 to ${max}, not "${text}"`);
  return value;
}
