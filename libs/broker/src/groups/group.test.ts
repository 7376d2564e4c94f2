import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Group } from './group.ts';
import type { JoinAnswer, JoinRequest } from './member.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function aGroup({ initialRebalanceDelayMs = 0 } = {}) {
  let count = 0;
  const emptied: string[] = [];
  const group = new Group('g', {
    initialRebalanceDelayMs,
    newMemberId: (clientId) => `${clientId}-${(count += 1)}`,
    onEmpty: () => emptied.push('g'),
  });
  return { group, emptied };
}

function aJoin(change: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId: '',
    groupInstanceId: null,
    clientId: 'c',
    clientHost: 'h',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    needsKnownMemberId: false,
    ...change,
  };
}

function aSpeaker(joined: JoinAnswer, groupInstanceId: string | null = null) {
  return { memberId: joined.memberId, generationId: joined.generationId, groupInstanceId };
}

/** Some answers are there at once, some come later. */
function all<T>(answers: readonly (T | Promise<T>)[]): Promise<T[]> {
  return Promise.all(answers.map(async (answer) => answer));
}

/** Joined and synced by its leader, every member with its own id as assignment. */
async function aStableGroup(...requests: Partial<JoinRequest>[]) {
  const { group, emptied } = aGroup();
  let joined: JoinAnswer[] = [];
  for (const request of requests) {
    const newcomer = group.join(aJoin(request)); // first: a rebalance begins, and the others come back
    const again = joined.map(({ memberId }, index) =>
      group.join(aJoin({ ...requests[index], memberId })),
    );
    joined = await all([...again, newcomer]);
  }
  const assignments = joined.map(({ memberId }) => ({
    memberId,
    assignment: Buffer.from(memberId),
  }));
  await all(
    joined.map((one, index) =>
      group.sync(aSpeaker(one, requests[index]?.groupInstanceId ?? null), assignments),
    ),
  );
  return { group, emptied, joined };
}

describe('joining', () => {
  it('alone makes a leader who is told of itself', async () => {
    const { group } = aGroup();

    const joined = await group.join(aJoin());

    expect(joined).toMatchObject({ error: 0, generationId: 1, protocolName: 'range' });
    expect(joined.leader).toBe(joined.memberId);
    expect(joined.members.map(({ memberId }) => memberId)).toEqual([joined.memberId]);
    expect(group.state).toBe('CompletingRebalance');
  });

  it('with a version that needs it gives an id first, and only that id may come back', async () => {
    const { group } = aGroup();

    const first = await group.join(aJoin({ needsKnownMemberId: true }));
    const stranger = await group.join(aJoin({ memberId: 'invented', needsKnownMemberId: true }));
    const second = await group.join(aJoin({ memberId: first.memberId, needsKnownMemberId: true }));

    expect(first).toMatchObject({ error: 79, memberId: 'c-1' });
    expect(stranger.error).toBe(25);
    expect(second).toMatchObject({ error: 0, memberId: 'c-1' });
  });

  it('waits for a member that was given an id, but not beyond its session', async () => {
    const { group } = aGroup();
    await group.join(aJoin({ needsKnownMemberId: true }));
    let answer: JoinAnswer | undefined;

    void Promise.resolve(group.join(aJoin())).then((joined) => (answer = joined));
    await vi.advanceTimersByTimeAsync(9_999);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);

    expect(answer?.error).toBe(0);
  });

  it('is refused when no protocol suits all, or the group is of another type', async () => {
    const { group } = await aStableGroup({});
    const other = { protocols: [{ name: 'sticky', metadata: Buffer.alloc(0) }] };

    expect(await group.join(aJoin(other))).toMatchObject({ error: 23 });
    expect(await group.join(aJoin({ protocolType: 'connect' }))).toMatchObject({ error: 23 });
    expect(await group.join(aJoin({ protocols: [] }))).toMatchObject({ error: 23 });
    expect(group.state).toBe('Stable');
  });

  it('takes the protocol most members prefer among those all support', async () => {
    const of = (...names: string[]) => ({
      protocols: names.map((name) => ({ name, metadata: Buffer.from(name) })),
    });
    const { joined } = await aStableGroup(
      of('range', 'roundrobin', 'x'),
      of('y', 'roundrobin', 'range'),
      of('roundrobin', 'range'),
    );

    expect(joined.map(({ protocolName }) => protocolName)).toEqual(Array(3).fill('roundrobin'));
    expect(joined[0]?.members.map(({ metadata }) => metadata.toString())).toEqual(
      Array(3).fill('roundrobin'),
    );
    expect(joined[1]?.members).toEqual([]);
  });

  it('of the first member waits for others when so configured', async () => {
    const { group } = aGroup({ initialRebalanceDelayMs: 3000 });
    const both = Promise.all([group.join(aJoin()), group.join(aJoin())]);

    await vi.advanceTimersByTimeAsync(3000);

    expect((await both).map(({ generationId }) => generationId)).toEqual([1, 1]);
  });
});

describe('a rebalance', () => {
  it('tells the members by their heartbeats, and leaves out who does not come back in time', async () => {
    const { group, joined } = await aStableGroup({}, {});
    const [first, second] = joined as [JoinAnswer, JoinAnswer];

    const third = group.join(aJoin());
    expect(group.heartbeat(aSpeaker(first))).toBe(27);
    const back = group.join(aJoin({ memberId: first.memberId }));
    for (let elapsed = 0; elapsed < 30_000; elapsed += 5000) {
      group.heartbeat(aSpeaker(second)); // alive, but it does not join
      await vi.advanceTimersByTimeAsync(5000);
    }

    expect((await back).generationId).toBe(first.generationId + 1);
    expect((await third).error).toBe(0);
    expect(group.heartbeat(aSpeaker(second))).toBe(25);
    expect(group.members).toHaveLength(2);
  });

  it('is not caused by a follower that joins again unchanged, but by the leader', async () => {
    const { group, joined } = await aStableGroup({}, {});
    const [leader, follower] = joined as [JoinAnswer, JoinAnswer];

    const same = await group.join(aJoin({ memberId: follower.memberId }));
    expect(same).toMatchObject({ error: 0, generationId: follower.generationId, members: [] });
    expect(group.state).toBe('Stable');
    void group.join(aJoin({ memberId: leader.memberId }));

    expect(group.state).toBe('PreparingRebalance');
  });

  it('lets heartbeats and no commits through between join and sync', async () => {
    const { group } = aGroup();
    const joined = await group.join(aJoin());

    expect(group.heartbeat(aSpeaker(joined))).toBe(0);
    expect(group.checkCommit(aSpeaker(joined))).toBe(27);
    await group.sync(aSpeaker(joined), []);
    expect(group.checkCommit(aSpeaker(joined))).toBe(0);
    expect(group.checkCommit({ ...aSpeaker(joined), generationId: 0 })).toBe(22);
    expect(group.checkCommit({ memberId: '', generationId: -1, groupInstanceId: null })).toBe(25);
  });

  it('begins anew when the leader does not assign in time', async () => {
    const { group } = aGroup();
    const first = await group.join(aJoin({ sessionTimeoutMs: 60_000 }));
    const newcomer = group.join(aJoin({ sessionTimeoutMs: 60_000 }));
    const both = [
      group.join(aJoin({ memberId: first.memberId, sessionTimeoutMs: 60_000 })),
      newcomer,
    ];
    const [leader, follower] = (await all(both)) as [JoinAnswer, JoinAnswer];
    const syncing = group.sync(aSpeaker(follower), []);

    await vi.advanceTimersByTimeAsync(30_000);

    expect((await syncing).error).toBe(27);
    expect(group.heartbeat(aSpeaker(leader))).toBe(25);
  });
});

describe('a session', () => {
  it('ends when nothing is heard, and the others are told', async () => {
    const { group, joined } = await aStableGroup({}, {});
    const [first, second] = joined as [JoinAnswer, JoinAnswer];

    await vi.advanceTimersByTimeAsync(6000);
    expect(group.heartbeat(aSpeaker(first))).toBe(0);
    await vi.advanceTimersByTimeAsync(6000);

    expect(group.heartbeat(aSpeaker(second))).toBe(25);
    expect(group.heartbeat(aSpeaker(first))).toBe(27);
  });

  it('of the last member leaves an empty group', async () => {
    const { group, emptied } = await aStableGroup({});

    await vi.advanceTimersByTimeAsync(10_000);

    expect(group.state).toBe('Empty');
    expect(emptied).toEqual(['g']);
    expect(group.checkCommit({ memberId: '', generationId: -1, groupInstanceId: null })).toBe(0);
  });

  it('ends at once when the member leaves', async () => {
    const { group, joined } = await aStableGroup({});

    expect(group.leave(joined[0]!.memberId, null)).toBe(0);
    expect(group.leave(joined[0]!.memberId, null)).toBe(25);
    expect(group.state).toBe('Empty');
  });
});

describe('a static member', () => {
  const named = { groupInstanceId: 'one' };

  it('comes back under a new id with what it had, and nobody else notices', async () => {
    const { group, joined } = await aStableGroup({}, named);
    const [other, before] = joined as [JoinAnswer, JoinAnswer];

    const back = await group.join(aJoin(named));
    const synced = await group.sync(aSpeaker(back, 'one'), []);

    expect(back).toMatchObject({ error: 0, generationId: before.generationId });
    expect(back.memberId).not.toBe(before.memberId);
    expect(synced.assignment.toString()).toBe(before.memberId);
    expect(group.heartbeat(aSpeaker(other))).toBe(0);
  });

  it('fences its former self', async () => {
    const { group, joined } = await aStableGroup(named);
    const former = aSpeaker(joined[0]!, 'one');

    await group.join(aJoin(named));

    expect(group.heartbeat(former)).toBe(82);
    expect(group.checkCommit(former)).toBe(82);
    expect((await group.sync(former, [])).error).toBe(82);
    expect(group.leave(former.memberId, 'one')).toBe(82);
    expect(await group.join(aJoin({ ...named, memberId: former.memberId }))).toMatchObject({
      error: 82,
    });
  });

  it('that led the group is not asked to assign again', async () => {
    const { group, joined } = await aStableGroup(named, {});

    const back = await group.join(aJoin(named));

    expect(back.members).toEqual([]);
    expect(back.leader).toBe(joined[0]!.memberId);
    expect(group.state).toBe('Stable');
  });

  it('can be removed by its name alone', async () => {
    const { group } = await aStableGroup(named);

    expect(group.leave('', 'two')).toBe(25);
    expect(group.leave('', 'one')).toBe(0);
    expect(group.state).toBe('Empty');
  });
});
