import { runProcess } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';
import { services } from '../services.ts';

/** The all-in-one process: seven services on the embedded platform, until a signal. */
export function up(words: readonly string[], environment: Environment): Promise<number> {
  return runProcess(services, {
    environment,
    arguments: words,
    announce: (addresses) =>
      process.stdout.write(
        [
          'Flywheel is ready.',
          ...Object.entries(addresses).map(([name, address]) => `  ${name.padEnd(6)} ${address}`),
          'Ctrl-C stops it; `npm run lap` turns a lap on it.',
          '',
        ].join('\n'),
      ),
  });
}
