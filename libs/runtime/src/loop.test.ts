import { describe, expect, it } from 'vitest';
import { loop } from './loop.ts';

describe('loop', () => {
  it('never runs two steps at once, and waits between them', async () => {
    const controller = new AbortController();
    const moments: number[] = [];
    let running = 0;

    await loop(
      async () => {
        expect(running++).toBe(0);
        moments.push(performance.now());
        await new Promise((resolve) => setTimeout(resolve, 15));
        running--;
        if (moments.length === 3) controller.abort();
      },
      { everyMs: 10, signal: controller.signal },
    );

    expect(moments).toHaveLength(3);
    expect((moments[1] ?? 0) - (moments[0] ?? 0)).toBeGreaterThanOrEqual(23); // the step and the wait
  });

  it('stops at once between two steps', async () => {
    const controller = new AbortController();
    let steps = 0;
    const running = loop(() => Promise.resolve(steps++), {
      everyMs: 60_000,
      signal: controller.signal,
    });
    await Promise.resolve();

    controller.abort();
    await running;

    expect(steps).toBe(1);
  });

  it('does not cut a step short', async () => {
    const controller = new AbortController();
    let finish: () => void = () => undefined;
    let isDone = false;
    const running = loop(
      async () => {
        await new Promise<void>((resolve) => (finish = resolve));
        isDone = true;
      },
      { everyMs: 1, signal: controller.signal },
    );

    controller.abort();
    finish();
    await running;

    expect(isDone).toBe(true);
  });

  it('ends with the error of a step', async () => {
    const { signal } = new AbortController();
    const error = new Error('broken');

    await expect(loop(() => Promise.reject(error), { everyMs: 1, signal })).rejects.toBe(error);
  });

  it('takes no step once it is told to stop', async () => {
    let steps = 0;

    await loop(() => Promise.resolve(steps++), { everyMs: 1, signal: AbortSignal.abort() });

    expect(steps).toBe(0);
  });
});
