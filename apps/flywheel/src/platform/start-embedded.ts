import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '@flywheel/runtime';
import { startChildService } from './child-service.ts';
import type { LapPlatform } from './open-platform.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));

/** The all-in-one in a process of its own, so that the client does not share its event loop. */
export async function startEmbedded(options: {
  environment: Environment;
  data: string;
  report: (sentence: string) => void;
}): Promise<LapPlatform> {
  options.report(`starts the embedded platform (data in ${options.data})`);
  const addressFile = join(options.data, 'addresses.json');
  rmSync(addressFile, { force: true });
  const child = await startChildService({
    main: mainFile,
    arguments: ['up'],
    environment: {
      ...options.environment,
      FLYWHEEL_PLATFORM: 'embedded',
      FLYWHEEL_DATA: options.data,
    },
    logFile: join(options.data, 'platform.log'),
    url: () => readAddresses(addressFile)?.['http'],
  });
  const addresses = readAddresses(addressFile) ?? {};
  const url = addresses['http'] ?? '';
  return {
    kind: 'embedded',
    brokers: [addresses['kafka'] ?? ''],
    addresses,
    folder: join(options.data, 'lap'),
    urlOf: () => url,
    kill: () => child.kill(),
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

function readAddresses(file: string): Record<string, string> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>; // written by the runtime
  } catch {
    return undefined; // not written yet
  }
}
