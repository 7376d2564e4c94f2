import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from './config.ts';

/** `npm start` passes on the signal that the terminal has sent to the whole group already: one Ctrl-C arrives twice. */
const REPEATED_WITHIN_MS = 1000;
const LOOK_FOR_PARENT_MS = 500;

export type StopSignal = NodeJS.Signals | 'parent gone';

export type Signals = Disposable & {
  /** The first of SIGINT, SIGTERM and the end of the parent, where that is npm or keeps a channel to this process. */
  readonly first: Promise<StopSignal>;
  /** Aborted by it. */
  readonly signal: AbortSignal;
};

/** Listens for the signal to stop. Once it has come, and its echo has passed, the next one ends the process at once. */
export function listenForSignals(environment: Environment): Signals {
  const controller = new AbortController();
  let forget: () => void = () => undefined;
  const first = new Promise<StopSignal>((resolve) => {
    const hear = (signal: StopSignal) => {
      resolve(signal);
      if (controller.signal.aborted) return;
      controller.abort();
      void delay(REPEATED_WITHIN_MS, undefined, { ref: false }).then(forget);
    };
    const miss = () => hear('parent gone');
    const parent = process.ppid;
    // The shell in which npm runs a script passes no signal on: that it is gone is all there is to see.
    const looking =
      environment['npm_lifecycle_event'] !== undefined
        ? setInterval(() => process.ppid !== parent && miss(), LOOK_FOR_PARENT_MS).unref()
        : undefined;
    forget = () => {
      clearInterval(looking);
      process.off('SIGINT', hear);
      process.off('SIGTERM', hear);
      process.off('disconnect', miss);
    };
    process.on('SIGINT', hear);
    process.on('SIGTERM', hear);
    process.on('disconnect', miss);
    if (isOrphan()) miss();
  });
  return { first, signal: controller.signal, [Symbol.dispose]: () => forget() };
}

/** The parent went before anybody listened; without a channel there is nothing to be told by. */
function isOrphan(): boolean {
  return (process.connected as boolean | undefined) === false;
}
