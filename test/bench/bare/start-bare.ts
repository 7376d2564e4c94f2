import { fork } from 'node:child_process';
import { join } from 'node:path';

export type BareProcess = AsyncDisposable & {
  readonly pid: number;
  /** What it has told. */
  readonly told: unknown;
};

const START_WITHIN_MS = 120_000;

/** Starts a bare part in a process of its own and waits for the first thing it tells; it ends with this process. */
export async function startBare(name: string, words: readonly string[]): Promise<BareProcess> {
  const child = fork(join(import.meta.dirname, `${name}.ts`), words);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const timer = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS);
  const told = await Promise.race([
    new Promise<unknown>((resolve) => child.once('message', resolve)),
    exited.then(() => {
      throw new Error(`the bare ${name} ended before it told anything`);
    }),
  ]);
  clearTimeout(timer);
  return { pid: child.pid!, told, [Symbol.asyncDispose]: stop };
}
