import type { BusMetrics } from '../ports.ts';

/** Keeps what the bus reports, as `name{labels}` → sum (counters) or last value (gauges). */
export function recordingMetrics(): { metrics: BusMetrics; values: Map<string, number> } {
  const values = new Map<string, number>();
  const add = (name: string, by: number) => values.set(name, (values.get(name) ?? 0) + by);
  return {
    values,
    metrics: {
      published: (topic, records) => add(`published ${topic}`, records),
      handled: ({ topic, outcome }, _seconds, events) => add(`${outcome} ${topic}`, events),
      lagMessages: ({ topic, partition }, messages) =>
        values.set(`lagMessages ${topic}/${partition}`, messages),
      lagSeconds: ({ topic, partition }, seconds) =>
        values.set(`lagSeconds ${topic}/${partition}`, seconds),
      deadLetters: (topic, code) => add(`deadLetters ${topic} ${code}`, 1),
      ringBytes: (topic, bytes) => values.set(`ringBytes ${topic}`, bytes),
      dropped: (topic, records) => add(`dropped ${topic}`, records),
      rebalances: (group) => add(`rebalances ${group}`, 1),
      lost: ({ topic }, offsets) => add(`lost ${topic}`, offsets),
    },
  };
}
