import { describe, expect, it } from 'vitest';
import { Waiters } from './waiters.ts';

const LONG_MS = 2 ** 30;
const isDone = (state: string) => state === 'done';

/** Gives these states in turn, the last one again and again; `onLook` runs before each answer. */
function states(given: string[], onLook: () => void = () => undefined): () => Promise<string> {
  return () => {
    onLook();
    return Promise.resolve(given.length > 1 ? given.shift()! : given[0]!);
  };
}

describe('who waits for a change', () => {
  it('is answered at once when there is nothing to wait for', async () => {
    const waiters = new Waiters(new AbortController().signal);

    expect(await waiters.until('a', LONG_MS, states(['done']), isDone)).toBe('done');
    expect(await waiters.until('a', 0, states(['running', 'done']), isDone)).toBe('running');
  });

  it('is answered when it comes, also while the state was being looked up', async () => {
    const waiters = new Waiters(new AbortController().signal);
    const wakesWhileLooking = states(['running', 'done'], () => waiters.wake('a'));

    expect(await waiters.until('a', LONG_MS, wakesWhileLooking, isDone)).toBe('done');
  });

  it('is not answered by a change of something else', async () => {
    const waiters = new Waiters(new AbortController().signal);
    const seen: string[] = [];
    const waiting = waiters
      .until('a', LONG_MS, states(['running', 'done']), isDone)
      .then((state) => seen.push(state));

    waiters.wake('b');
    await new Promise(setImmediate);

    expect(seen).toEqual([]);
    waiters.wake('a');
    await waiting;
    expect(seen).toEqual(['done']);
  });

  it('is answered when the time is over or the process stops, with what there is', async () => {
    const stopping = new AbortController();
    const waiters = new Waiters(stopping.signal);

    expect(await waiters.until('a', 1, states(['running']), isDone)).toBe('running');
    const waiting = waiters.until('a', LONG_MS, states(['running']), isDone);
    stopping.abort();

    expect(await waiting).toBe('running');
    expect(await waiters.until('a', LONG_MS, states(['running']), isDone)).toBe('running');
  });
});
