import { describe, expect, it } from 'vitest';
import { LabelledWaiters } from './labelled-waiters.ts';

const FOR_EVER_MS = 2 ** 31 - 1;

describe('LabelledWaiters', () => {
  it('ends a wait with the wake of its endpoint only', async () => {
    const waiters = new LabelledWaiters();
    let woken = false;
    const waited = waiters.wait('a', waiters.wakes('a'), FOR_EVER_MS).then(() => (woken = true));

    waiters.wake('b');
    await Promise.resolve();
    expect(woken).toBe(false);

    waiters.wake('a');
    await waited;
    expect(woken).toBe(true);
  });

  it('loses no wake that comes between a look and the wait', async () => {
    const waiters = new LabelledWaiters();
    const seen = waiters.wakes('a');
    waiters.wake('a');

    await expect(waiters.wait('a', seen, FOR_EVER_MS)).resolves.toBeUndefined();
  });

  it('ends a wait when its time is up', async () => {
    const waiters = new LabelledWaiters();

    await expect(waiters.wait('a', waiters.wakes('a'), 1)).resolves.toBeUndefined();
  });
});
