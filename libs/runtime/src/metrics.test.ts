import { describe, expect, it } from 'vitest';
import { MetricsRegistry } from './metrics.ts';

describe('the metrics of a process', () => {
  it('are told in the text format of Prometheus', async () => {
    const metrics = new MetricsRegistry({ process: false });

    metrics.counter('rows_total', 'Rows', ['kind']).add(3, { kind: 'a' });
    metrics.counter('rows_total', 'Rows', ['kind']).add(undefined, { kind: 'a' });
    metrics.gauge('depth', 'Depth').set(-2);
    metrics.histogram('took_seconds', 'Time', { buckets: [0.1, 1] }).observe(0.5);

    const lines = (await metrics.text()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '# HELP rows_total Rows',
        '# TYPE rows_total counter',
        'rows_total{kind="a"} 4',
        'depth -2',
        'took_seconds_bucket{le="0.1"} 0',
        'took_seconds_bucket{le="1"} 1',
        'took_seconds_count 1',
      ]),
    );
  });

  it('share a metric that is declared twice', async () => {
    const metrics = new MetricsRegistry({ process: false });

    for (const value of [1, 2]) metrics.gauge('shared', 'Shared').set(value);

    expect(await metrics.text()).toContain('shared 2');
  });

  it('refuse one name for two kinds, and labels that were not declared', () => {
    const metrics = new MetricsRegistry({ process: false });
    const counter = metrics.counter('things_total', 'Things');

    expect(() => metrics.gauge('things_total', 'Things')).toThrow('declared already');
    expect(() => counter.add(1, { run: 'x' })).toThrow('run');
    expect(() => metrics.counter('no spaces', 'Wrong')).toThrow();
  });

  it('tell of the process itself', async () => {
    const metrics = new MetricsRegistry();
    const valueOf = async (name: string) =>
      Number(new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.text())?.[1]);

    const before = await valueOf('process_cpu_seconds_total');
    const busyUntil = performance.now() + 60;
    while (performance.now() < busyUntil);

    expect(await valueOf('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(await valueOf('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
    expect(await valueOf('process_cpu_seconds_total')).toBeGreaterThan(before);
    expect(await valueOf('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1000);
    expect(await valueOf('nodejs_eventloop_utilization_ratio')).toBeLessThanOrEqual(1);
  });
});
