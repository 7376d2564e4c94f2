import { join } from 'node:path';
import type { Owner } from '@flywheel/contracts';
import { AppError } from '@flywheel/core';
import type { Environment } from '@flywheel/runtime';
import { dataFolder, emptyDataFolder } from './data-folder.ts';
import { startDistributed } from './start-distributed.ts';
import { startEmbedded } from './start-embedded.ts';

/** A platform as a client meets it: addresses, and whoever started it stops it. */
export type LapPlatform = AsyncDisposable & {
  readonly kind: 'embedded' | 'distributed';
  readonly brokers: readonly string[];
  readonly addresses: Readonly<Record<string, string>>;
  /** Local folder for the client's own scratch files. */
  readonly folder: string;
  urlOf(service: Owner): string;
  /** Aborted when a platform of our own has ended by itself; the reason says how. */
  readonly gone?: AbortSignal;
  /** Ends the all-in-one without warning, its servers too if told (an embedded platform of our own only): for fault tests. */
  kill?(what: 'process' | 'group'): Promise<void>;
  /** Ends the process of one service without warning; it is started again (distributed only): for fault tests. */
  killService?(service: Owner): Promise<void>;
};

export type OpenOptions = {
  environment: Environment;
  kind: 'embedded' | 'distributed';
  fresh: boolean;
  report: (sentence: string) => void;
  /** Gives the start up. */
  signal?: AbortSignal;
};

/** The platform that already runs on the configured port, or one that lives as long as the caller needs it. */
export async function openPlatform(options: OpenOptions): Promise<LapPlatform> {
  const data = dataFolder(options.environment);
  const signal = options.signal ?? new AbortController().signal;
  if (options.kind === 'distributed') {
    if (options.fresh) await emptyDataFolder(data);
    return startDistributed({ ...options, data, signal });
  }
  const url = `http://127.0.0.1:${options.environment['FLYWHEEL_HTTP_PORT'] ?? '7070'}`;
  const running = await findRunning(url);
  if (running) {
    if (options.fresh)
      throw new AppError(
        'conflict',
        `a platform runs on ${url}: stop it before --fresh empties its data`,
      );
    options.report(`uses the platform that runs on ${url}`);
    return {
      kind: 'embedded',
      brokers: [running['kafka'] ?? '127.0.0.1:7092'],
      addresses: running,
      folder: join(data, 'lap'),
      urlOf: () => url,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  if (options.fresh) await emptyDataFolder(data);
  return startEmbedded({ ...options, data, signal });
}

async function findRunning(url: string): Promise<Record<string, string> | undefined> {
  try {
    const answer = await fetch(`${url}/status/addresses`, { signal: AbortSignal.timeout(2000) });
    return answer.ok ? ((await answer.json()) as Record<string, string>) : undefined; // our own route, with text values
  } catch {
    return undefined; // nobody listens there
  }
}
