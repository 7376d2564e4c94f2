import { join, resolve } from 'node:path';
import { parseArguments, usage, type Command } from './arguments.ts';
import { environmentOf, makeServers } from './catalog.ts';
import { DebianPackages } from './debian.ts';
import { withLock } from './lock.ts';
import type { Server } from './server.ts';
import { readSettings, type Settings } from './settings.ts';
import { startServer } from './start.ts';
import { sentence } from './wait.ts';

/** What is said about one server at the end. */
type Line = {
  readonly name: string;
  readonly version: string;
  readonly address: string;
  readonly state: string;
  readonly ok: boolean;
  readonly pid?: number | undefined;
  readonly seconds?: number;
};

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function start(server: Server, settings: Settings, fresh: boolean): Promise<Line> {
  const beganMs = performance.now();
  const about = { name: server.name, address: server.address };
  try {
    if (fresh) {
      await server.stop();
      server.forget();
    }
    const { kind, pid } = await startServer(server, {
      withinMs: settings.startWithinMs,
      report: (line) => {
        tell(`${server.name}: ${line}`);
      },
    });
    const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
    const state = kind === 'started' ? `started in ${seconds} s` : 'already running and healthy';
    return { ...about, version: server.version(), state, ok: true, pid, seconds };
  } catch (error) {
    return { ...about, version: server.version(), state: `failed: ${sentence(error)}`, ok: false };
  }
}

async function stop(server: Server): Promise<Line> {
  const about = { name: server.name, version: server.version(), address: server.address };
  try {
    return { ...about, state: (await server.stop()) ? 'stopped' : 'was not running', ok: true };
  } catch (error) {
    return { ...about, state: `failed: ${sentence(error)}`, ok: false };
  }
}

async function status(server: Server): Promise<Line> {
  const pid = server.pid();
  const about = { name: server.name, version: server.version(), address: server.address, pid };
  if (pid === undefined) return { ...about, state: 'not running', ok: false };
  try {
    await server.healthy();
    return { ...about, state: 'healthy', ok: true };
  } catch (error) {
    return { ...about, state: `not healthy: ${sentence(error)}`, ok: false };
  }
}

function show(lines: readonly Line[], servers: readonly Server[], { json }: Command): void {
  if (json) {
    const ok = lines.every((line) => line.ok);
    print(JSON.stringify({ ok, servers: lines, environment: environmentOf(servers) }, null, 2));
    return;
  }
  for (const line of lines)
    print(
      `${line.name.padEnd(9)} ${line.version.padEnd(20)} ${line.address.padEnd(16)} ${line.state}`,
    );
}

function showEnvironment(servers: readonly Server[], { json }: Command): void {
  const environment = environmentOf(servers);
  if (json) print(JSON.stringify(environment, null, 2));
  else for (const [name, value] of Object.entries(environment)) print(`${name}=${value}`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    print(usage);
    return 0;
  }
  const command = parseArguments(args);
  const repository = resolve(import.meta.dirname, '..', '..');
  const settings = readSettings(process.env, repository);
  const servers = makeServers(command.names, settings, new DebianPackages());
  if (command.action === 'env') {
    showEnvironment(servers, command);
    return 0;
  }
  const all = (work: (server: Server) => Promise<Line>): Promise<Line[]> =>
    Promise.all(servers.map(work));
  // Two starts at once would format the same folder twice.
  const alone = (work: (server: Server) => Promise<Line>): Promise<Line[]> =>
    withLock(join(settings.folder, 'lock'), () => all(work));
  const lines =
    command.action === 'status'
      ? await all(status)
      : await alone(
          command.action === 'stop' ? stop : (server) => start(server, settings, command.fresh),
        );
  show(lines, servers, command);
  return lines.every((line) => line.ok) ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  tell(sentence(error));
  process.exitCode = 64;
}
