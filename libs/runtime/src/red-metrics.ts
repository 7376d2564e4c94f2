import type { HttpMetrics } from '@flywheel/http';
import type { BusMetrics } from '@flywheel/kafka';
import type { Metrics } from './metrics.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Rate, errors and duration of every HTTP operation. */
export function httpMetrics(metrics: Metrics): HttpMetrics {
  const requests = metrics.counter('http_requests_total', 'Requests by operation and status', [
    'service',
    'operation',
    'status',
  ]);
  const seconds = metrics.histogram('http_request_seconds', 'Time to answer', {
    labels: ['service', 'operation'],
    buckets: SECONDS,
  });
  return {
    answered: ({ service, operation, status }, took) => {
      requests.add(1, { service, operation, status: String(status) });
      seconds.observe(took, { service, operation });
    },
  };
}

/** What every service's bus does, under one set of names. */
export function busMetrics(metrics: Metrics, service: string): BusMetrics {
  const published = metrics.counter('bus_published_total', 'Records the log acknowledged', [
    'service',
    'topic',
  ]);
  const publishSeconds = metrics.histogram(
    'bus_publish_seconds',
    'Time until the log acknowledged',
    { labels: ['service', 'topic'], buckets: SECONDS },
  );
  const handled = metrics.counter('bus_handled_total', 'Events by outcome', [
    'service',
    'topic',
    'group',
    'outcome',
  ]);
  const handleSeconds = metrics.histogram(
    'bus_handle_seconds',
    'Time to handle an event or a batch',
    { labels: ['service', 'topic', 'group'], buckets: SECONDS },
  );
  const lagMessages = metrics.gauge('bus_lag_messages', 'Messages not handled yet', [
    'service',
    'topic',
    'group',
    'partition',
  ]);
  const lagSeconds = metrics.gauge(
    'bus_lag_seconds',
    'Age of the last handled event while others wait',
    ['service', 'topic', 'group', 'partition'],
  );
  const deadLetters = metrics.counter(
    'bus_dead_letters_total',
    'Messages put aside, by error code',
    ['service', 'topic', 'code'],
  );
  const ringBytes = metrics.gauge('bus_ring_bytes', 'Bytes a firehose holds', ['service', 'topic']);
  const dropped = metrics.counter('bus_dropped_total', 'Records a firehose gave up', [
    'service',
    'topic',
  ]);
  const rebalances = metrics.counter(
    'bus_rebalances_total',
    'Changes of the partitions a group member owns',
    ['service', 'group'],
  );
  const lost = metrics.counter(
    'bus_lost_offsets_total',
    'Offsets that were gone before they could be read',
    ['service', 'topic', 'group'],
  );
  return {
    published: (topic, records, seconds) => {
      published.add(records, { service, topic });
      publishSeconds.observe(seconds, { service, topic });
    },
    handled: ({ topic, group, outcome }, seconds, events) => {
      handled.add(events, { service, topic, group, outcome });
      handleSeconds.observe(seconds, { service, topic, group });
    },
    lagMessages: ({ topic, group, partition }, messages) =>
      lagMessages.set(messages, { service, topic, group, partition: String(partition) }),
    lagSeconds: ({ topic, group, partition }, seconds) =>
      lagSeconds.set(seconds, { service, topic, group, partition: String(partition) }),
    deadLetters: (topic, code) => deadLetters.add(1, { service, topic, code }),
    ringBytes: (topic, bytes) => ringBytes.set(bytes, { service, topic }),
    dropped: (topic, records) => dropped.add(records, { service, topic }),
    rebalances: (group) => rebalances.add(1, { service, group }),
    lost: ({ topic, group }, offsets) => lost.add(offsets, { service, topic, group }),
  };
}
