import { type EventContract, type Owner, type Topic, defineEvent } from '@flywheel/contracts';
import { newHexId } from '@flywheel/core';
import { z } from 'zod';

export const counted = z.object({ key: z.string(), n: z.number().int() });
export type Counted = z.output<typeof counted>;

/** A topic nobody else has, owned by `owner`. */
export function aTopic(overrides: Partial<Topic> = {}): Topic {
  return {
    name: `test.${newHexId()}`,
    owner: 'router',
    key: 'key',
    partitions: 3,
    cleanup: 'delete',
    retentionMs: 86_400_000,
    ...overrides,
  };
}

/** An event that counts, on a topic of its own unless one is given. */
export function aContract(
  overrides: { topic?: Topic; owner?: Owner; type?: string } = {},
): EventContract<Counted> {
  const { topic = aTopic(overrides.owner ? { owner: overrides.owner } : {}) } = overrides;
  return defineEvent({
    type: overrides.type ?? 'router.counted',
    topic,
    data: counted,
    key: (data) => data.key,
  });
}
