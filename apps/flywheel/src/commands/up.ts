import { parseArgs } from 'node:util';
import { runProcess } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';
import type { Ready } from '../platform/child-service.ts';
import { dataFolder, emptyDataFolder } from '../platform/data-folder.ts';
import { services } from '../services.ts';

/** The all-in-one process: seven services on the embedded platform, until a signal. */
export async function up(words: readonly string[], environment: Environment): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      check: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
    },
  });
  if (values.fresh && !values.check) await emptyDataFolder(dataFolder(environment));
  return runProcess(services, {
    environment,
    arguments: values.check ? ['--check'] : [],
    announce: (addresses) => {
      process.send?.({ addresses } satisfies Ready);
      process.stdout.write(
        [
          'Flywheel is ready.',
          ...Object.entries(addresses).map(([name, address]) => `  ${name.padEnd(6)} ${address}`),
          'Ctrl-C stops it; `npm run lap` turns a lap on it.',
          '',
        ].join('\n'),
      );
    },
  });
}
