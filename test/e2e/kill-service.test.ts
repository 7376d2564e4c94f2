import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { monitor, router, topics } from '@flywheel/contracts';
import type { EventData, Owner } from '@flywheel/contracts';
import {
  FlightData,
  LapClient,
  chooseNames,
  createProgress,
  openPlatform,
  runLap,
  waitUntil,
} from '@flywheel/flywheel/testing';
import type { Flight, LapPlatform } from '@flywheel/flywheel/testing';
import { createHttpClient } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';
import { Traffic } from './traffic.ts';

const ROWS = 20_000;
const KILL_AFTER = 100;
const END_AFTER = 300;
const PATIENCE_MS = 120_000;
/** Services that no request for a prediction needs. */
const silent = ['ingestion', 'tracking', 'registry', 'trainer', 'monitor'] as const;

const folder = temporaryFolder();
const http = createHttpClient({ log: silentLogger });

describe.runIf(process.env['FLYWHEEL_E2E'] === 'distributed')(
  'SIGKILL of one service of the distributed platform in the middle of serving',
  () => {
    let platform: LapPlatform;
    let client: LapClient;
    let endpoint: string;
    let flights: Flight[];
    const restarted: string[] = [];

    beforeAll(async () => {
      platform = await openPlatform({
        environment: { ...process.env, FLYWHEEL_DATA: folder.path },
        kind: 'distributed',
        fresh: false,
        report: (sentence) => restarted.push(sentence),
      });
      client = new LapClient(platform, http);
      ({ endpoint } = await chooseNames(client)); // as the lap will
      await using data = await FlightData.open(ROWS, folder.path);
      flights = [];
      for await (const flight of data.replay('may', 'date')) flights.push(flight);
    });
    afterAll(async () => {
      await platform[Symbol.asyncDispose]();
      await http[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    });

    /** It was started again, and answers. */
    const isBack = (service: Owner) =>
      eventually(
        async () => {
          expect(restarted.join('\n')).toContain(`starts ${service} again`);
          expect((await fetch(`${platform.urlOf(service)}/health/ready`)).ok).toBe(true);
        },
        { withinMs: PATIENCE_MS, everyMs: 200 },
      );

    const killAndRestart = async (service: Owner) => {
      await platform.killService!(service);
      await isBack(service);
    };

    it('the lap completes when all that answer no request are killed while it serves', async () => {
      const plain = createProgress({ output: process.stderr, live: false });
      const killing: Promise<void>[] = [];
      const report = await runLap({
        platform,
        rows: ROWS,
        progress: {
          ...plain,
          begin: (number, name) => {
            if (name === 'serve') killing.push(...silent.map(killAndRestart));
            return plain.begin(number, name);
          },
        },
      });
      await Promise.all(killing);

      expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
      expect(report).toMatchObject({ ok: true, dropped: 0, serving: { failed: 0 } });
      expect(killing).toHaveLength(silent.length);
    });

    it.each(['router', 'feature-store'] as const)(
      '%s: callers that ask again lose nothing, and what was acknowledged counts once',
      async (service) => {
        const before = await client.call(monitor.getJoinStatus, {
          params: { endpoint },
          query: {},
        });
        const traffic = new Traffic(endpoint, flights, { patienceMs: PATIENCE_MS });

        await Promise.all([
          traffic.run(platform, END_AFTER),
          eventually(() => expect(traffic.acknowledged.size).toBeGreaterThanOrEqual(KILL_AFTER), {
            withinMs: PATIENCE_MS,
          }).then(() => platform.killService!(service)),
        ]);
        await isBack(service);
        await traffic.reportTheRest(platform);

        await waitUntil(
          'the log and the shadows',
          () => client.call(router.getEndpointStatus, { params: { endpoint } }),
          ({ log, shadowLag }) => log.pending === 0 && shadowLag === 0,
          { withinMs: 300_000, everyMs: 200 },
        );
        const labelled = before.labelled + traffic.acknowledged.size;
        const after = await waitUntil(
          'the monitor',
          () =>
            client.call(monitor.getJoinStatus, {
              params: { endpoint },
              query: { labelled, waitMs: 5000 },
            }),
          ({ streams }) => streams.every(({ position, end }) => BigInt(position) >= BigInt(end)),
          { withinMs: 300_000 },
        );
        const timesLogged = await timesInLog();

        expect(traffic.acknowledged.size).toBe(traffic.answered.size);
        expect(after.labelled).toBe(labelled);
        expect([...traffic.answered.keys()].filter((id) => timesLogged.get(id) !== 1)).toEqual([]);
      },
    );

    async function timesInLog(): Promise<Map<string, number>> {
      await using bus = await openBus({
        ...{ brokers: platform.brokers, service: 'e2e', log: silentLogger },
      });
      const times = new Map<string, number>();
      await bus.readToEnd(topics.inferencePredictions.name, (records) => {
        for (const { value } of records) {
          const batch = JSON.parse(Buffer.from(value).toString()) as EventData<
            typeof router.predictionsLogged
          >; // checked by its producer
          for (const { id } of batch.predictions) times.set(id, (times.get(id) ?? 0) + 1);
        }
      });
      return times;
    }
  },
);
