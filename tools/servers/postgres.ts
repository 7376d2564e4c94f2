import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isExecutable, runOrThrow } from './command.ts';
import type { DebianPackages } from './debian.ts';
import { DetachedProcess } from './processes.ts';
import type { Server } from './server.ts';
import type { Settings } from './settings.ts';

const major = 15;
const binaries = `/usr/lib/postgresql/${major}/bin`;
const role = 'flywheel';
const database = 'flywheel';
/** Messages in English and text in UTF-8, whatever the machine's own locale is. */
const locale = { LC_ALL: 'C.UTF-8' };

/** Debian's PostgreSQL on a data folder of its own, reachable by TCP on loopback only, without passwords. */
export function postgres(settings: Settings, debian: DebianPackages): Server {
  const port = settings.ports.postgres;
  const folder = join(settings.folder, 'postgres');
  const logFile = join(folder, 'postgres.log');
  const data = dataFolder(folder);
  const server = new DetachedProcess({
    pidFile: join(folder, 'postgres.pid'),
    signature: `${binaries}/postgres -D ${data}`,
  });
  const ask = (query: string, of: string): Promise<string> =>
    runOrThrow(
      join(binaries, 'psql'),
      ['-h', '127.0.0.1', '-p', String(port), '-U', role, '-d', of, '-XAtc', query],
      { environment: { ...locale, PGCONNECT_TIMEOUT: '10' } },
    );

  return {
    name: 'postgres',
    address: `127.0.0.1:${port}`,
    logFile,
    version: () => `PostgreSQL ${installedVersion() ?? major}`,
    install: async (report) => {
      if (isExecutable(join(binaries, 'postgres'))) return;
      await debian.install([`postgresql-${major}`], report);
    },
    start: async () => {
      const user = unprivilegedUser();
      prepareFolder(data, user);
      await initialise(data, user, settings.startWithinMs);
      const args = ['-D', data, '-p', String(port)];
      // No socket in the file system: its path could be too long, and nobody needs it.
      const options = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
      return server.start(join(binaries, 'postgres'), [...args, ...options], {
        logFile,
        cwd: data,
        environment: locale,
        user,
      });
    },
    healthy: async () => {
      const found = await ask(
        `select 1 from pg_database where datname = '${database}'`,
        'postgres',
      );
      if (found.trim() !== '1') await ask(`create database ${database}`, 'postgres');
      await ask('select 1', database);
    },
    pid: () => server.pid(),
    // SIGINT ends sessions that are open, SIGQUIT does not wait for anything and recovers at the next start.
    stop: () => server.stop({ signals: ['SIGINT', 'SIGQUIT'], graceMs: 20_000 }),
    forget: () => {
      rmSync(data, { recursive: true, force: true });
    },
    environment: () => ({ DATABASE_URL: `postgres://${role}@127.0.0.1:${port}/${database}` }),
  };
}

type User = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses root: then Debian's own user for it runs the server. */
function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number =>
    Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim() || Number.NaN);
  const user = { uid: idOf('-u'), gid: idOf('-g') };
  if (Number.isNaN(user.uid) || Number.isNaN(user.gid))
    throw new Error('the user postgres is missing: install postgresql-15 from Debian');
  return user;
}

/** Beside the other servers, or under the temporary folder when only root may enter the first. */
function dataFolder(folder: string): string {
  if (process.getuid?.() !== 0 || isOpenToOthers(folder)) return join(folder, 'data');
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  return join(tmpdir(), `flywheel-postgres-${name}`, 'data');
}

/** True when every folder on the way that exists lets other users pass. */
function isOpenToOthers(folder: string): boolean {
  for (let at = folder; at !== dirname(at); at = dirname(at))
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
  return true;
}

function prepareFolder(data: string, user: User | undefined): void {
  mkdirSync(data, { recursive: true });
  if (user === undefined) return;
  if (statSync(dirname(data)).uid !== 0)
    throw new Error(`${dirname(data)} belongs to another user: remove it`);
  chmodSync(dirname(data), 0o755);
  chownSync(data, user.uid, user.gid);
}

/** A folder that initdb did not finish has no version file and is thrown away. */
async function initialise(data: string, user: User | undefined, withinMs: number): Promise<void> {
  if (existsSync(join(data, 'global', 'pg_control')) && existsSync(join(data, 'flywheel-ready')))
    return;
  rmSync(data, { recursive: true, force: true });
  prepareFolder(data, user);
  const options = { environment: locale, cwd: data, user, withinMs };
  const format = ['--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8'];
  await runOrThrow(join(binaries, 'initdb'), ['-D', data, '-U', role, ...format], options);
  await runOrThrow('touch', [join(data, 'flywheel-ready')], options);
}

function installedVersion(): string | undefined {
  const { status, stdout } = spawnSync(join(binaries, 'postgres'), ['--version'], {
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  return /\d+\.\d+/.exec(stdout)?.[0];
}
