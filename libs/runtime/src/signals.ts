import { setTimeout as delay } from 'node:timers/promises';

/** `npm start` passes on the signal that the terminal has sent to the whole group already: one Ctrl-C arrives twice. */
const REPEATED_WITHIN_MS = 1000;

export type Signals = Disposable & {
  /** The first of SIGINT and SIGTERM. */
  readonly first: Promise<NodeJS.Signals>;
  /** Aborted by it. */
  readonly signal: AbortSignal;
};

/** Listens for the signal to stop. Once it has come, and its echo has passed, the next one ends the process at once. */
export function listenForSignals(): Signals {
  const controller = new AbortController();
  let forget: () => void = () => undefined;
  const first = new Promise<NodeJS.Signals>((resolve) => {
    const hear = (signal: NodeJS.Signals) => {
      resolve(signal);
      if (controller.signal.aborted) return;
      controller.abort();
      void delay(REPEATED_WITHIN_MS, undefined, { ref: false }).then(forget);
    };
    forget = () => {
      process.off('SIGINT', hear);
      process.off('SIGTERM', hear);
    };
    process.on('SIGINT', hear);
    process.on('SIGTERM', hear);
  });
  return { first, signal: controller.signal, [Symbol.dispose]: () => forget() };
}
