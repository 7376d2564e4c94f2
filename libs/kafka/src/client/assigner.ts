import type { AssignerProtocol, PartitionAssigner } from 'kafkajs';
import type { GroupHooks } from './patched-kafkajs.ts';

/**
 * Partition p of every topic goes to the same member (topics with equal counts stay together, so that they can be
 * joined), and only to a member that subscribes to the topic, so that members of two versions share a group.
 */
export function assignByPartition(
  members: readonly { memberId: string; topics: readonly string[] }[],
  partitionsByTopic: ReadonlyMap<string, readonly number[]>,
): Map<string, Record<string, number[]>> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const assigned = new Map<string, Record<string, number[]>>();
  for (const { memberId } of sorted) assigned.set(memberId, {});
  for (const [topic, partitions] of partitionsByTopic) {
    const takers = sorted.filter(({ topics }) => topics.includes(topic));
    if (takers.length === 0) continue;
    for (const partition of partitions) {
      const taker = takers[partition % takers.length];
      const own = taker && assigned.get(taker.memberId);
      if (own) (own[topic] ??= []).push(partition);
    }
  }
  return assigned;
}

export function partitionAssigner(
  protocol: typeof AssignerProtocol,
  hooks: GroupHooks,
): PartitionAssigner {
  return ({ cluster }) => {
    const assigner: ReturnType<PartitionAssigner> & GroupHooks = {
      name: 'FlywheelByPartition',
      version: 0,
      ...hooks,
      protocol: ({ topics }) => ({
        name: 'FlywheelByPartition',
        metadata: protocol.MemberMetadata.encode({
          version: 0,
          topics,
          userData: Buffer.alloc(0),
        }),
      }),
      assign: async ({ members }) => {
        const known = members.map(({ memberId, memberMetadata }) => ({
          memberId,
          topics: protocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
        }));
        const topics = [...new Set(known.flatMap((member) => member.topics))];
        const partitionsByTopic = new Map<string, number[]>();
        for (const topic of topics) {
          // A topic that only a newer member knows may be missing yet; it is assigned when it is there.
          await cluster.addTargetTopic(topic).catch(() => undefined);
          const found = cluster.findTopicPartitionMetadata(topic);
          partitionsByTopic.set(
            topic,
            found.map(({ partitionId }) => partitionId).sort((a, b) => a - b),
          );
        }
        return [...assignByPartition(known, partitionsByTopic)].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: protocol.MemberAssignment.encode({
            version: 0,
            assignment,
            userData: Buffer.alloc(0),
          }),
        }));
      },
    };
    return assigner;
  };
}
