import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `step` again and again until the signal: a step is never cut short, the wait is; the next wait begins after the
 * step, so steps never overlap. A step that throws ends the loop with its error.
 */
export async function loop(
  step: () => Promise<unknown>,
  options: { everyMs: number; signal: AbortSignal },
): Promise<void> {
  while (!options.signal.aborted) {
    await step();
    await delay(options.everyMs, undefined, { signal: options.signal }).catch(ignoreAbort);
  }
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
