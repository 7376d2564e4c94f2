import { describe, expect, it } from 'vitest';
import { eventually } from '@flywheel/core/testing';
import { type FetchingGroup, addLongFetches } from './long-fetch.ts';

type Fake = FetchingGroup & {
  beats: number;
  dropped: string[];
  answer: (batches: readonly object[]) => void;
  beat: () => Promise<void>;
};

/** A group whose fetches wait until `answer` is called, on two brokers. */
function aGroup(leaving: AbortSignal, overrides: Partial<Fake> = {}): Fake {
  const dropped: string[] = [];
  const broker = (name: string) => ({
    connectionPool: { pool: [{}, { socket: { destroy: () => dropped.push(name) } }] as const },
  });
  const group: Fake = {
    assigners: [{ fetching: { heartbeatMs: 5, leaving } }],
    cluster: { brokerPool: { brokers: { 0: broker('0'), 1: broker('1') } } },
    maxWaitTime: 0,
    beats: 0,
    dropped,
    answer: () => undefined,
    beat: () => Promise.resolve(),
    assigned: () => [{ topic: 't' }],
    paused: () => [],
    fetch: () => new Promise((resolve) => (group.answer = resolve)),
    heartbeat: async () => {
      group.beats++;
      await group.beat();
    },
    ...overrides,
  };
  addLongFetches({ prototype: group });
  return group;
}

describe('a fetch that waits', () => {
  const staying = new AbortController().signal;

  it('gives what the broker answers, and heartbeats go on meanwhile', async () => {
    const group = aGroup(staying);
    const fetched = group.fetch('0');
    await eventually(() => expect(group.beats).toBeGreaterThan(2));

    group.answer([{ topic: 't' }]);

    expect(await fetched).toEqual([{ topic: 't' }]);
    expect(group.dropped).toEqual([]);
  });

  it('ends with the error of a heartbeat, and no broker goes on with the fetches given up', async () => {
    const group = aGroup(staying);
    group.beat = () => Promise.reject(new Error('the group is rebalancing'));

    await expect(group.fetch('0')).rejects.toThrow('the group is rebalancing');

    await eventually(() => expect(group.dropped).toEqual(['0', '1']));
  });

  it('sends no heartbeat while the member joins its group', async () => {
    const joining = aGroup(staying, { isJoining: true });
    const other = aGroup(staying);
    const fetches = [joining.fetch('0'), other.fetch('0')];
    await eventually(() => expect(other.beats).toBeGreaterThan(2));

    joining.answer([]);
    other.answer([]);
    await Promise.all(fetches);

    expect(joining.beats).toBe(0);
  });

  it('ends at once when the member leaves, and none begins after that', async () => {
    const leaving = new AbortController();
    const group = aGroup(leaving.signal);
    const fetched = group.fetch('0');

    leaving.abort();

    expect(await fetched).toEqual([]);
    await eventually(() => expect(group.dropped).toEqual(['0', '1']));
    await expect(group.fetch('0')).rejects.toThrow('the member leaves the group');
  });

  it('is brief while a partition is paused or none is assigned', async () => {
    const waits = await Promise.all(
      [{}, { paused: () => [{ topic: 't' }] }, { assigned: () => [] }].map(async (overrides) => {
        const group = aGroup(staying, overrides);
        const fetched = group.fetch('0');
        group.answer([]);
        await fetched;
        return group.maxWaitTime;
      }),
    );

    expect(waits).toEqual([5000, 100, 100]);
  });
});
