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
/** Whom a step of the lap needs: they are killed as it begins. */
const killedAtStep: Readonly<Record<string, readonly Owner[]>> = {
  ingest: ['ingestion'],
  features: ['feature-store', 'ingestion'],
  experiment: ['trainer', 'tracking'],
  train: ['trainer', 'feature-store'],
  'package and register': ['registry'],
  stage: ['router', 'registry'],
  serve: ['router', 'feature-store', 'monitor', 'ingestion', 'tracking'],
  evaluate: ['monitor'],
  promote: ['registry', 'router'],
  watch: ['feature-store', 'monitor'],
  'close the books': ['router'],
};

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

    const restartsOf = (service: Owner) =>
      restarted.filter((sentence) => sentence.includes(`starts ${service} again`)).length;

    /** Kills it and waits until it was started again and answers. */
    const killAndRestart = async (service: Owner) => {
      const before = restartsOf(service);
      await platform.killService!(service);
      await eventually(
        async () => {
          expect(restartsOf(service)).toBeGreaterThan(before);
          expect((await fetch(`${platform.urlOf(service)}/health/ready`)).ok).toBe(true);
        },
        { withinMs: PATIENCE_MS, everyMs: 200 },
      );
    };

    it('the lap completes though every step begins with the death of those that it needs', async () => {
      const plain = createProgress({ output: process.stderr, live: false });
      const kills = new Map<Owner, Promise<void>>();
      let killed = 0;
      const kill = async (service: Owner) => {
        await kills.get(service); // it must live to be killed again
        await killAndRestart(service);
        killed++;
      };
      const report = await runLap({
        platform,
        rows: ROWS,
        progress: {
          ...plain,
          begin: (number, name) => {
            for (const service of killedAtStep[name] ?? []) kills.set(service, kill(service));
            return plain.begin(number, name);
          },
        },
      });
      await Promise.all(kills.values());

      expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
      expect(report).toMatchObject({ ok: true, dropped: 0, serving: { failed: 0 } });
      expect(killed).toBe(Object.values(killedAtStep).flat().length);
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
          }).then(() => killAndRestart(service)),
        ]);
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
