import { setTimeout as delay } from 'node:timers/promises';

/** Runs `check` until it stops throwing and gives its value; throws its last error after `withinMs`. For tests. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadlineMs = Date.now() + (options.withinMs ?? 10_000);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadlineMs) throw error;
      await delay(options.everyMs ?? 20);
    }
  }
}
