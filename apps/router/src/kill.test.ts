import { join } from 'node:path';
import { topics } from '@flywheel/contracts';
import type { EventData, router } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { logisticModel } from '@flywheel/inference/testing';
import { openBus } from '@flywheel/kafka';
import { openFileObjectStore } from '@flywheel/storage';
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { TestRegistry } from './fixture/registry.ts';
import { startChild } from './fixture/start-child.ts';
import type { RouterChild } from './fixture/start-child.ts';

const CALLERS = 8;
const KILL_AFTER = 400;
/** Two platforms start one after the other, perhaps on a busy machine. */
const STARTS_WITHIN_MS = 300_000;

type EndpointStatus = z.output<typeof router.endpointStatus>;

async function statusOf({ addresses }: RouterChild): Promise<EndpointStatus> {
  const answer = await fetch(`${addresses['http']!}/api/router/endpoints/flights`);
  return (await answer.json()) as EndpointStatus; // checked by the server against its contract
}

/** Asks until the process is gone; gives the ids whose answers arrived. */
async function askUntilGone(child: RouterChild): Promise<Set<string>> {
  const answered = new Set<string>();
  let sent = 0;
  const caller = async () => {
    for (;;) {
      const id = `request-${sent++}`;
      try {
        const answer = await fetch(`${child.addresses['http']!}/v2/models/flights/infer`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            id,
            inputs: [
              { name: 'origin', datatype: 'BYTES', shape: [1], data: ['ORD'] },
              { name: 'date', datatype: 'BYTES', shape: [1], data: ['2001-05-01T06:00:00Z'] },
              { name: 'distance', datatype: 'FP32', shape: [1], data: [1000] },
            ],
          }),
        });
        expect(answer.status).toBe(200);
        answered.add(((await answer.json()) as { id: string }).id);
        if (answered.size === KILL_AFTER) void child.kill();
      } catch (error) {
        if (error instanceof TypeError) return; // fetch failed: the process is gone
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return answered;
}

it(
  'a SIGKILL loses no prediction that was answered, and repeats none; the books of its shadow close',
  async () => {
    using data = temporaryFolder();
    const objects = await openFileObjectStore({ folder: join(data.path, 'objects') });
    const killed = await startChild(data.path, process.env);
    {
      await using registry = await TestRegistry.open({
        brokers: killed.addresses['kafka']!,
        objects,
      });
      await registry.store(1, logisticModel([0.1, -0.001], 0.5));
      await registry.store(2, logisticModel([0.2, -0.001], 0.5));
      await registry.deploy(
        'flights',
        [
          { role: 'champion', version: 1 },
          { role: 'shadow', version: 2 },
        ],
        { featureService: 'flight-delay' },
      );
      await eventually(async () => expect(await statusOf(killed)).toMatchObject({ ready: true }));
    }
    const answered = await askUntilGone(killed);
    expect(answered.size).toBeGreaterThanOrEqual(KILL_AFTER);

    await using restarted = await startChild(data.path, process.env);
    await using bus = await openBus({
      brokers: [restarted.addresses['kafka']!],
      service: 'monitor',
      log: silentLogger,
    });
    const readAll = async <Data>(topic: string): Promise<Data[]> => {
      const all: Data[] = [];
      await bus.readToEnd(topic, (records) => {
        for (const { value } of records)
          all.push(JSON.parse(Buffer.from(value).toString()) as Data);
      });
      return all;
    };
    const { shadows } = await eventually(async () => {
      const status = await statusOf(restarted);
      expect([status.ready, status.log.pending, status.shadowLag]).toEqual([true, 0, 0]);
      return status;
    });
    const logged = (
      await readAll<EventData<typeof router.predictionsLogged>>(topics.inferencePredictions.name)
    ).flatMap((batch) => batch.predictions.map(({ id }) => id));
    const shadowed = (
      await readAll<EventData<typeof router.shadowPredictionsLogged>>(topics.inferenceShadows.name)
    ).flatMap((batch) => batch.predictions.map(({ prediction }) => prediction));

    expect([...answered].filter((id) => !logged.includes(id))).toEqual([]);
    expect(logged).toHaveLength(new Set(logged).size);
    expect(logged.length).toBeLessThanOrEqual(answered.size + CALLERS);
    expect(new Set(shadowed)).toEqual(new Set(logged));
    expect(shadows['m-2']).toEqual({
      ...{ eligible: logged.length, sampled: logged.length, unsampled: 0, sent: logged.length },
      ...{ answered: logged.length, shed: {}, failed: {} },
    });
  },
  STARTS_WITHIN_MS,
);
