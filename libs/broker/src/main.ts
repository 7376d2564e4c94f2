import { toAppError } from '@flywheel/core';
import { startBroker } from './broker.ts';
import type { BrokerMessage } from './ipc.ts';
import { jsonLinesLogger } from './json-lines-logger.ts';
import type { BrokerSettings } from './options.ts';

/*
 * The broker as a process of its own. Settings come as JSON in the first argument, log lines go to standard output,
 * readiness and refusal through the channel to the parent. When that channel closes the parent is gone, and so is this.
 */
const parentGone = new Promise<void>((resolve) => process.once('disconnect', resolve));
// Ctrl-C and `kill -TERM -<group>` reach the whole group, and the parent still needs the log to stop cleanly: it decides.
const terminated = new Promise<void>((resolve) =>
  process.on('SIGTERM', () => {
    if (!process.connected) resolve();
  }),
);
process.on('SIGINT', () => undefined);
process.stdout.on('error', () => undefined); // nobody reads the log any longer

const log = jsonLinesLogger((line) => process.stdout.write(line));
const settings = JSON.parse(process.argv[2] ?? '{}') as BrokerSettings; // written by our own parent process

void run(); // no top-level await: on Node 20 this file is loaded by require, which spares a loader thread

async function run(): Promise<void> {
  try {
    const broker = await startBroker({ ...settings, log });
    tell({ kind: 'ready', host: broker.host, port: broker.port });
    const exitCode = await Promise.race([
      broker.failed.catch(() => 1),
      parentGone.then(() => 0),
      terminated.then(() => 0),
    ]);
    if (exitCode === 0) await broker[Symbol.asyncDispose]();
    process.exit(exitCode);
  } catch (error) {
    const { code, message, details } = toAppError(error);
    if (code === 'internal') log.error({ err: error }, 'broker process failed'); // the others say enough
    tell({ kind: 'refused', code, message, details: details ?? {} }, () => process.exit(1));
  }
}

function tell(message: BrokerMessage, sent?: () => void): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => sent?.());
  else sent?.();
}
