import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fillOnce } from './cache.ts';
import { findProgram, run, runOrThrow, type Finished } from './command.ts';
import type { DebianPackages } from './debian.ts';
import { DetachedProcess } from './processes.ts';
import { s3Status } from './s3-request.ts';
import type { Report, Server } from './server.ts';
import type { Settings } from './settings.ts';
import { sentence } from './wait.ts';

const gatewayVersion = '1.8.0';
const motoVersion = '5.2.5';
const bucket = 'flywheel';
const credentials = { accessKeyId: 'flywheel', secretAccessKey: 'flywheel-secret' };

/**
 * versitygw on a folder: real signatures, correct conditional writes, durable. Where it cannot be built, moto
 * stands in, which keeps everything in memory and checks no signature.
 */
export function s3(settings: Settings, debian: DebianPackages): Server {
  const port = settings.ports.s3;
  const account = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', ...credentials };
  const folder = join(settings.folder, 's3');
  const data = join(folder, 'data');
  const logFile = join(folder, 's3.log');
  const gateway = join(settings.cacheFolder, `versitygw-${gatewayVersion}`);
  const moto = join(settings.cacheFolder, `moto-${motoVersion}`);
  const gatewayIsThere = (): boolean => existsSync(join(gateway, 'versitygw'));
  // Both command lines end in the port or the folder, so one piece of text finds either of them.
  const pidFile = join(folder, 's3.pid');
  const asGateway = new DetachedProcess({ pidFile, signature: `posix ${data}` });
  const asMoto = new DetachedProcess({ pidFile, signature: `moto_server -H 127.0.0.1 -p ${port}` });

  return {
    name: 's3',
    address: `127.0.0.1:${port}`,
    logFile,
    version: () => (gatewayIsThere() ? `versitygw ${gatewayVersion}` : `moto ${motoVersion}`),
    install: async (report) => {
      if (gatewayIsThere()) return;
      try {
        await fillOnce(gateway, (unfinished) => buildGateway(unfinished, debian, report));
      } catch (error) {
        report(
          `moto instead of versitygw, in memory and without signature checks: ${sentence(error)}`,
        );
        if (!existsSync(join(moto, 'ready'))) await installMoto(moto, debian, report);
      }
    },
    start: () => {
      mkdirSync(data, { recursive: true });
      if (!gatewayIsThere())
        return asMoto.start(
          join(moto, 'bin', 'python'),
          [join(moto, 'bin', 'moto_server'), '-H', '127.0.0.1', '-p', String(port)],
          { logFile, cwd: folder },
        );
      return asGateway.start(
        join(gateway, 'versitygw'),
        ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', data],
        {
          logFile,
          cwd: folder,
          environment: {
            ROOT_ACCESS_KEY: credentials.accessKeyId,
            ROOT_SECRET_KEY: credentials.secretAccessKey,
          },
        },
      );
    },
    healthy: async () => {
      let status = await s3Status(account, 'HEAD', `/${bucket}`);
      if (status === 404) status = await s3Status(account, 'PUT', `/${bucket}`);
      if (status !== 200) throw new Error(`the bucket answers ${status}`);
    },
    pid: () => asGateway.pid() ?? asMoto.pid(),
    stop: async () => {
      const stopping = { signals: ['SIGTERM'], graceMs: 20_000 } as const;
      return (await asGateway.stop(stopping)) || (await asMoto.stop(stopping));
    },
    environment: () => ({
      S3_ENDPOINT: account.endpoint,
      S3_REGION: account.region,
      S3_BUCKET: bucket,
      S3_ACCESS_KEY_ID: credentials.accessKeyId,
      S3_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    }),
  };
}

async function buildGateway(folder: string, debian: DebianPackages, report: Report): Promise<void> {
  const go = await findGo(debian, report);
  report(`building versitygw ${gatewayVersion} (once, one to five minutes)`);
  const module = `github.com/versity/versitygw/cmd/versitygw@v${gatewayVersion}`;
  const build = (): Promise<string> =>
    runOrThrow(go, ['install', '-trimpath', '-ldflags', '-s -w', module], {
      // A toolchain is a Go module too, so an older Go may fetch the one that the module asks for.
      environment: { GOBIN: folder, GOTOOLCHAIN: 'auto', GOFLAGS: '' },
      withinMs: 1_800_000,
    });
  await build().catch(build);
}

/** A Go that can build it: 1.21 and later fetch a newer toolchain by themselves, as a Go module. */
async function findGo(debian: DebianPackages, report: Report): Promise<string> {
  if (findProgram('go') === undefined) await debian.install(['golang-go'], report);
  const go = findProgram('go') ?? 'go';
  const { output } = await run(go, ['env', 'GOVERSION']);
  const minor = Number(/^go1\.(\d+)/.exec(output.trim())?.[1] ?? 0);
  if (minor < 21) throw new Error(`it needs Go 1.21 or newer, this machine has ${output.trim()}`);
  return go;
}

async function installMoto(folder: string, debian: DebianPackages, report: Report): Promise<void> {
  const makeVenv = (): Promise<Finished> => run('python3', ['-m', 'venv', '--clear', folder]);
  if ((await makeVenv()).code !== 0) {
    await debian.install(['python3-venv'], report);
    await makeVenv();
  }
  report(`installing moto ${motoVersion} from PyPI (once)`);
  const pip = join(folder, 'bin', 'python');
  await runOrThrow(pip, ['-m', 'pip', 'install', '-q', `moto[server]==${motoVersion}`], {
    withinMs: 1_200_000,
  });
  mkdirSync(join(folder, 'unfinished'));
  renameSync(join(folder, 'unfinished'), join(folder, 'ready'));
}
