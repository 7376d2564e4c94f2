import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '../../tools/servers/command.ts';
import { DebianPackages } from '../../tools/servers/debian.ts';
import { makeVenv } from '../../tools/servers/python.ts';
import { readSettings } from '../../tools/servers/settings.ts';
import { readWithKcat } from './kcat.ts';

/**
 * Foreign clients, unmodified, against a platform that holds a lap: FLYWHEEL_URL and KAFKA_BROKERS say where it is.
 * Ends with how many checks passed and failed; exit 1 if any failed.
 */
const here = import.meta.dirname;
const url = process.env['FLYWHEEL_URL'] ?? 'http://127.0.0.1:7070';
const brokers = process.env['KAFKA_BROKERS'] ?? '127.0.0.1:7092';

type Count = { readonly passed: number; readonly failed: number };

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** The Python of an environment with exactly the pinned packages, made once per list of pins. */
async function pythonWithClients(debian: DebianPackages): Promise<string> {
  const pins = readFileSync(join(here, 'requirements.txt'), 'utf8');
  const digest = createHash('sha256').update(pins).digest('hex').slice(0, 12);
  const { cacheFolder } = readSettings(process.env, resolve(here, '..', '..'));
  const folder = join(cacheFolder, `venv-clients-${digest}`);
  // A virtual environment cannot be renamed when complete, so a file says that it is.
  const ready = join(folder, 'ready');
  if (!existsSync(ready)) {
    const report = (line: string): void => {
      print(`clients: ${line}`);
    };
    report('installing the Python clients (once)');
    await makeVenv(folder, pins.trim().split('\n'), { debian, report });
    writeFileSync(ready, '');
  }
  return join(folder, 'bin', 'python');
}

/** Runs one script; one that ends without its closing line counts as a failure. */
async function runScript(python: string, script: string): Promise<Count> {
  print(`\n${script}`);
  const { output } = await run(python, ['-u', join(here, script)], {
    environment: { FLYWHEEL_URL: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1', NO_PROXY: '127.0.0.1' },
    withinMs: 600_000,
  });
  print(output.trimEnd());
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
  return passed === undefined
    ? { passed: 0, failed: 1 }
    : { passed: Number(passed), failed: Number(failed) };
}

async function runKcat(debian: DebianPackages): Promise<Count> {
  print('\nkcat');
  const findings = await readWithKcat(brokers, debian);
  for (const { title, failure } of findings)
    print(failure === undefined ? `ok     ${title}` : `FAILED ${title}: ${failure}`);
  const failed = findings.filter(({ failure }) => failure !== undefined).length;
  return { passed: findings.length - failed, failed };
}

const debian = new DebianPackages();
const python = await pythonWithClients(debian);
const counts = [
  await runScript(python, 'mlflow_client.py'),
  await runScript(python, 'triton_client.py'),
  await runKcat(debian),
];
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
const failed = counts.reduce((sum, count) => sum + count.failed, 0);
print(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
