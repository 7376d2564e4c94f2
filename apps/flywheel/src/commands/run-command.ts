import { exitCodes, explain } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';

const usage = `flywheel — one command for the whole life of a model

  flywheel up [options]            start the embedded platform and stay (Ctrl-C stops it)
      --fresh                      empty the data folder first
      --check                      check the configuration only
  flywheel lap [options]           turn one lap on real flights, print the facts
      --rows <n|all>               flights to use, whole origins (default 300000)
      --fresh                      empty the data folder first
      --json                       print one object on standard output, progress on standard error
      --distributed                one process per service on the servers of \`npm run servers\`
  flywheel help

Addresses: FLYWHEEL_HTTP_PORT (7070), FLYWHEEL_KAFKA_PORT (7092), FLYWHEEL_SQL_PORT (7432); data: FLYWHEEL_DATA (.flywheel).
`;

/** Runs one command of the CLI and gives its exit code. Heavy parts are loaded only by the command that needs them. */
export async function runCommand(
  words: readonly string[],
  environment: Environment,
): Promise<number> {
  if (!isSupportedNode(process.versions.node)) {
    process.stderr.write(
      `Node ${process.versions.node} is too old: install Node 20.19 or newer.\n`,
    );
    return exitCodes.failure;
  }
  const [command = 'help', ...rest] = words;
  try {
    switch (command) {
      case 'up': {
        const { up } = await import('./up.ts');
        return await up(rest, environment);
      }
      case 'lap': {
        const { lap } = await import('./lap.ts');
        return await lap(rest, environment);
      }
      case 'help':
      case '--help':
      case '-h':
        process.stdout.write(usage);
        return exitCodes.ok;
      default:
        process.stderr.write(`There is no command "${command}".\n\n${usage}`);
        return exitCodes.failure;
    }
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    return exitCodes.failure;
  }
}

function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}
