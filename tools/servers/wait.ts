import { setTimeout as delay } from 'node:timers/promises';

/** Calls `check` until it stops throwing; after `withinMs` throws its last error. */
export async function waitUntil<T>(
  check: () => T | Promise<T>,
  { withinMs, everyMs = 100 }: { withinMs: number; everyMs?: number },
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadlineMs) throw error;
      await delay(everyMs);
    }
  }
}

/** The constant part of an unknown failure that a person can read. */
export function sentence(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
