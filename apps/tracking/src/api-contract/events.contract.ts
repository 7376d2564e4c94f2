import { describe, expect, it } from 'vitest';
import { tracking } from '@flywheel/contracts';
import { eventually } from '@flywheel/core/testing';
import type { Bus } from '@flywheel/kafka';
import type { Api } from './api.ts';

/** What the log holds for a run, in order. */
async function eventsOf(bus: Bus, topic: string, run: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  await bus.readToEnd(topic, (records) => {
    for (const { key, value } of records)
      if (key === run)
        found.push(JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>);
  });
  return found;
}

export function describeEvents(api: () => Api, bus: () => Bus): void {
  const wait = { withinMs: 30_000, everyMs: 200 };

  describe('every write', () => {
    it('of a run is an event with its whole state', async () => {
      const run = await api().run({ run_name: 'told', start_time: 5 });
      await api().post('runs/log-batch', {
        run_id: run,
        params: [{ key: 'p', value: 'x' }],
        tags: [{ key: 't', value: 'y' }],
      });
      await api().post('runs/update', { run_id: run, status: 'FINISHED', end_time: 9 });
      await api().post('runs/delete', { run_id: run });

      const events = await eventually(async () => {
        const told = await eventsOf(bus(), tracking.runChanged.topic.name, run);
        expect(told).toHaveLength(4);
        return told;
      }, wait);

      expect(events.map(({ status, lifecycle }) => [status, lifecycle])).toEqual([
        ['RUNNING', 'active'],
        ['RUNNING', 'active'],
        ['FINISHED', 'active'],
        ['FINISHED', 'deleted'],
      ]);
      expect(events.at(-1)).toMatchObject({
        run,
        name: 'told',
        startMs: 5,
        endMs: 9,
        params: { p: 'x' },
        tags: { t: 'y', 'mlflow.runName': 'told' },
        isShortened: false,
      });
    });

    it('of metrics is one event per batch with what is new in it', async () => {
      const run = await api().run();
      const points = [
        { key: 'a', value: 0.1, timestamp: 1, step: 0 },
        { key: 'a', value: 'NaN', timestamp: 2, step: 1 },
        { key: 'b', value: 5, timestamp: 1, step: '9007199254740993' },
      ];
      const told = points.map(({ key, value, timestamp, step }) => ({
        key,
        value,
        timestampMs: timestamp,
        step,
      }));

      await api().post('runs/log-batch', { run_id: run, metrics: points.slice(0, 2) });
      for (let time = 0; time < 2; time++)
        await api().post('runs/log-batch', { run_id: run, metrics: points });

      await eventually(async () => {
        expect(await eventsOf(bus(), tracking.metricsLogged.topic.name, run)).toEqual([
          { run, points: told.slice(0, 2) },
          { run, points: told.slice(2) },
        ]);
      }, wait);
    });

    it('is told even when a run is too big for one record', async () => {
      const run = await api().run();
      for (let batch = 0; batch < 4; batch++)
        await api().post('runs/log-batch', {
          run_id: run,
          params: Array.from({ length: 100 }, (_, index) => ({
            key: `p${batch}-${index}`,
            value: 'é'.repeat(6000),
          })),
        });

      const events = await eventually(async () => {
        const told = await eventsOf(bus(), tracking.runChanged.topic.name, run);
        expect(told).toHaveLength(5);
        return told;
      }, wait);

      expect(events.at(-1)).toMatchObject({ run, isShortened: true });
      expect(JSON.stringify(events.at(-1)).length).toBeLessThan(900_000);
    });
  });
}
