import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '@flywheel/core';
import type { Environment } from '@flywheel/runtime';
import { startChildService } from './child-service.ts';
import type { LapPlatform } from './open-platform.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));

/** The all-in-one in a process of its own, so that the client does not share its event loop. */
export async function startEmbedded(options: {
  environment: Environment;
  data: string;
  report: (sentence: string) => void;
  signal: AbortSignal;
}): Promise<LapPlatform> {
  options.report(`starts the embedded platform (data in ${options.data})`);
  const child = await startChildService({
    name: 'the platform',
    main: mainFile,
    arguments: ['up'],
    environment: {
      ...options.environment,
      FLYWHEEL_PLATFORM: 'embedded',
      FLYWHEEL_DATA: options.data,
    },
    logFile: join(options.data, 'platform.log'),
    signal: options.signal,
  });
  const { addresses } = child;
  let isWanted = true;
  const gone = new AbortController();
  void child.exited.then(() => {
    const sentence = `the platform has ended (${child.lastWords()})`;
    if (isWanted) options.report(sentence);
    gone.abort(new AppError('internal', sentence));
  });
  return {
    kind: 'embedded',
    brokers: [addresses['kafka'] ?? ''],
    addresses,
    folder: join(options.data, 'lap'),
    urlOf: () => addresses['http'] ?? '',
    gone: gone.signal,
    kill: (what) => child.kill(what),
    [Symbol.asyncDispose]: () => {
      isWanted = false;
      return child[Symbol.asyncDispose]();
    },
  };
}
