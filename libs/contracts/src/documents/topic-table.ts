import { markdownTable } from '@flywheel/core';
import type { Consumer } from '../consumers.ts';
import type { EventContract } from '../event.ts';
import type { Topic } from '../topics.ts';

const DAY_MS = 86_400_000;

/** The topics as a table for people, in Markdown. */
export function topicTable(described: {
  topics: Readonly<Record<string, Topic>>;
  events: readonly EventContract[];
  consumers: readonly Consumer[];
}): string {
  const rows = Object.values(described.topics).map((topic) => {
    const events = described.events.filter((event) => event.topic.name === topic.name);
    const readers = described.consumers
      .filter(({ event }) => event.topic.name === topic.name)
      .map(({ service, how }) => (how === 'watch' ? `${service} (all instances)` : service));
    return [
      `\`${topic.name}\``,
      events.map(({ type, version }) => `\`${type}\` v${version}`).join(', '),
      topic.key,
      String(topic.partitions),
      topic.retentionMs === undefined ? 'compact' : `${topic.retentionMs / DAY_MS} d`,
      [...new Set(readers)].join(', ') || '–',
    ];
  });
  return markdownTable([['topic', 'events', 'key', 'partitions', 'kept', 'read by'], ...rows]);
}
