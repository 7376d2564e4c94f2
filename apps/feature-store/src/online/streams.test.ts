import { featureStore as contracts, monitor, topics } from '@flywheel/contracts';
import { newId } from '@flywheel/core';
import { eventually, shuffled } from '@flywheel/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  columns,
  contentOf,
  definitions,
  HOUR,
  rowOf,
  someFlights,
  START,
} from '../fixture/flights.ts';
import type { Flight } from '../fixture/flights.ts';
import { anIngestion } from '../fixture/ingestion.ts';
import {
  defineFor,
  materialise,
  outcomeOf,
  readVectors,
  recordOf,
  wrongAt,
} from '../fixture/online-flights.ts';
import { startStore } from '../fixture/running-store.ts';
import type { RunningStore } from '../fixture/running-store.ts';

const neighbour = anIngestion();
let store: RunningStore;

beforeAll(async () => {
  store = await startStore(neighbour);
  await store.define(definitions);
});
afterAll(() => store[Symbol.asyncDispose]());

const at = (ms: number) => new Date(ms).toISOString();

describe('what is streamed', () => {
  const last = START + 30 * HOUR;
  const recent = (seed: number) =>
    someFlights(300, seed).map((flight, index) => {
      const dateMs = START + (index % 24) * HOUR;
      return { ...flight, dateMs, knownMs: dateMs + (index % 5) * HOUR };
    });

  it('moves the values, in any order, any number of times, in any batches', async () => {
    const flights = recent(31);
    const orders: readonly (readonly [string, readonly (readonly Flight[])[]])[] = [
      ['stream-once', [flights]],
      ['stream-backwards', [flights.toReversed()]],
      ['stream-twice', [flights, flights]],
      ['stream-mixed', [shuffled([...flights, ...flights.slice(0, 99)], 5), shuffled(flights, 6)]],
      ['stream-single', flights.slice(0, 40).map((one) => [one])],
    ];
    for (const [dataset, batches] of orders) {
      const service = await defineFor(store, dataset);
      for (const batch of batches) await store.send(dataset, batch.map(recordOf));
      await store.caughtUp();

      for (const atMs of [last, START + 12 * HOUR])
        expect(await wrongAt(store, service, [...new Set(batches.flat())], atMs)).toEqual([]);
    }
  });

  it('as outcomes moves them too, a correction in place of what it corrects once it is known', async () => {
    const service = await defineFor(store, 'outcomes');
    const flights = recent(32);
    const corrected = flights.map((flight, index) =>
      index % 10 === 0 ? { ...flight, delay: 100, knownMs: flight.knownMs + HOUR } : flight,
    );
    const send = (some: readonly monitor.Outcome[]) =>
      store.sendOutcomes({ endpoint: 'outcomes', outcomes: [...some] });
    const first = flights.map((flight) => outcomeOf(flight));
    const second = corrected.filter((_, index) => index % 10 === 0).map((flight) => outcomeOf(flight, 1)); // prettier-ignore

    await send(second.slice(0, 15));
    for (let start = 0; start < 300; start += 50) await send(first.slice(start, start + 50));
    await send(second.slice(15));
    await send(first.slice(0, 50));
    await store.sendOutcomes({ endpoint: 'elsewhere', outcomes: first.slice(0, 50) });
    await store.caughtUp();

    for (let atMs = START; atMs <= last; atMs += HOUR) {
      const known = flights.map((flight, index) =>
        corrected[index]!.knownMs <= atMs ? corrected[index]! : flight,
      );
      expect(await wrongAt(store, service, known, atMs)).toEqual([]);
    }
  });

  it('is not seen before it was known', async () => {
    const service = await defineFor(store, 'hidden');
    const flight = (index: number, lateMs: number): Flight => ({
      ...{ id: `hidden/${index}`, origin: 'ORD', destination: 'LAX', delay: 20, distance: 1 },
      ...{ dateMs: START, knownMs: START + lateMs },
    });
    const flights = [flight(0, 0), flight(1, HOUR), flight(2, 2 * HOUR)];
    const moments = [START - 1, START, START + HOUR - 1, START + HOUR, START + 2 * HOUR];
    const seen = async () =>
      (
        await readVectors(
          store,
          service,
          moments.map((asOfMs) => ({ entities: { origin: 'ORD', destination: 'LAX' }, asOfMs })),
        )
      ).map(({ values, unknown }) => [values[0], unknown.length]);

    await store.send('hidden', flights.slice(0, 1).map(recordOf));
    await store.caughtUp();
    const before = await seen();
    await store.send('hidden', flights.slice(1).map(recordOf));
    await store.caughtUp();

    expect(before).toEqual([[0, 2], [1, 0], [1, 0], [1, 0], [1, 0]]); // prettier-ignore
    expect(await seen()).toEqual([[0, 2], [1, 0], [1, 0], [2, 0], [3, 0]]); // prettier-ignore
  });

  it('does not push out what is true when one clock is wrong', async () => {
    const service = await defineFor(store, 'clock');
    const flights = recent(33).slice(0, 30).map((flight) => ({ ...flight, origin: 'ORD' })); // prettier-ignore
    const wrong = { ...flights[0]!, id: 'clock/wrong', dateMs: Date.parse('2126-01-01T00:00:00Z') };
    const snapshot = await neighbour.pin('clock', columns, [[...flights, wrong].map(rowOf)]);

    await store.send('clock', [wrong, ...flights, wrong].map(recordOf));
    await store.caughtUp();
    expect(await wrongAt(store, service, flights, last)).toEqual([]);

    await materialise(store, snapshot, ['clock_origin', 'clock_route'], last);
    expect(await wrongAt(store, service, flights, last)).toEqual([]);
  });

  it('is passed over where it is no row, put aside where it is no event, and goes on behind it', async () => {
    const service = await defineFor(store, 'bad');
    const good = recent(34).slice(0, 5).map((flight) => ({ ...flight, origin: 'ORD' })); // prettier-ignore
    const content = contentOf(good[0]!);
    const noRows: readonly (readonly [string, unknown])[] = [
      ['no JSON', '{"origin":'],
      ['no text', '\ud800'],
      ['a list', [content]],
      ['null', null],
      ['a number', 7],
      ['no entity', { ...content, origin: undefined }],
      ['a null entity', { ...content, origin: null }],
      ['an entity of parts', { ...content, origin: { a: 1 } }],
      ['an entity that is no key', { ...content, origin: 'x'.repeat(5000) }],
      ['no event time', { ...content, date: undefined }],
      ['an event time in words', { ...content, date: 'yesterday' }],
      ['30 February', { ...content, date: '2001-02-30T00:00:00Z' }],
      ['the year 10000', { ...content, date: '10000-01-01T00:00:00Z' }],
      ['a time past all dates', { ...content, date: 1e300 }],
      ['no known time', { ...content, known_at: null }],
    ];
    const deadBefore = (await deadLetters()).length;

    await store.send('bad', [
      ...noRows.map(([what, content]) => ({ id: `bad/${what}`, content })),
      ...good.map(recordOf),
    ]);
    const bus = await store.busOf('monitor');
    const outcome = outcomeOf(recent(35)[0]!);
    const event = { endpoint: 'bad', outcomes: [outcome] };
    const send = (data: unknown, headers: Record<string, string> = {}) =>
      bus.send([
        {
          ...{ topic: monitor.outcomesJoined.topic.name, key: 'bad' },
          value: typeof data === 'string' ? data : JSON.stringify(data),
          headers: { ce_specversion: '1.0', ce_id: newId(0), ce_source: 'monitor', ce_type: monitor.outcomesJoined.type, ce_time: at(START), ce_dataversion: '1', ...headers }, // prettier-ignore
        },
      ]);
    await send('no JSON');
    await send({ ...event, outcomes: [] });
    await send({ ...event, outcomes: [{ ...outcome, revision: -1 }] });
    await send(event, { ce_dataversion: '99' });
    await send({ ...event, outcomes: [outcomeOf({ ...good[0]!, id: 'bad/outcome' })] });
    await store.caughtUp();

    expect(
      await wrongAt(store, service, [...good, { ...good[0]!, id: 'bad/outcome' }], last),
    ).toEqual([]);
    expect((await deadLetters()).length - deadBefore).toBe(4);
    const metrics = await (await fetch(`${store.url}/metrics`)).text();
    const skipped = (reason: string) =>
      Number(new RegExp(`feature_store_skipped_total\\{view="bad_origin",reason="${reason}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0); // prettier-ignore
    expect({
      ...{ entity: skipped('no-entity'), key: skipped('key-too-long') },
      ...{ event: skipped('no-event-time'), known: skipped('no-known-time') },
    }).toEqual({ entity: 3, key: 1, event: 5, known: 1 });
  });

  async function deadLetters(): Promise<string[]> {
    const found: string[] = [];
    await (
      await store.busOf('monitor')
    ).readToEnd('dead.feature-store', (records) => {
      found.push(...records.map(({ id }) => id));
    });
    return found;
  }

  it('is told as an event of each view, and so is what is loaded', async () => {
    await defineFor(store, 'updates');
    const flights = recent(36).slice(0, 3).map((flight) => ({ ...flight, origin: 'ORD', destination: 'LAX' })); // prettier-ignore
    const snapshot = await neighbour.pin('updates', columns, [flights.map(rowOf)]);
    await store.send('updates', flights.map(recordOf));
    await store.caughtUp();
    await materialise(store, snapshot, ['updates_route'], last);

    const bus = await store.busOf('monitor');
    const told = async () => {
      const rows = new Map<string, number>();
      await bus.readToEnd(topics.featuresUpdates.name, (records) => {
        for (const { value } of records) {
          const update = contracts.featuresUpdated.data.parse(
            JSON.parse(Buffer.from(value).toString()),
          );
          const key = `${update.view} ${update.cause}`;
          if (key.startsWith('updates_')) rows.set(key, (rows.get(key) ?? 0) + update.rows);
        }
      });
      return Object.fromEntries(rows);
    };
    await eventually(
      async () =>
        expect(await told()).toEqual({
          'updates_origin stream': 3,
          'updates_route stream': 3,
          'updates_route materialisation': 3,
        }),
      { withinMs: 60_000, everyMs: 200 },
    );
  });

  it('keeps entities apart, whatever their keys are', async () => {
    const service = await defineFor(store, 'keys');
    const pairs: readonly (readonly [string | number | boolean, string | number])[] = [
      ['a:b', 'c'], ['a', 'b:c'], ['a', ''], ['', 'a'], ['a\u0000b', 'c'], ['a', 'b\u0000c'], ['\u0000', ''],
      ['\u00e9', 'x'], ['e\u0301', 'x'], ['__proto__', 'constructor'], ['constructor', '__proto__'], ['toString', 'x'],
      ['x'.repeat(400), 'y'], ['x'.repeat(401), 'y'], [1, 2], [-1, 0], [1.5, 2], [true, 1], ['\u{1f600}', '\u{1f601}'],
      [' a', 'a '], ['a ', ' a'], ['A', 'a'], ['a', 'A'],
    ]; // prettier-ignore
    const record = (origin: unknown, destination: unknown, delay: number) => ({
      ...{ origin, destination, delay, date: at(START), known_at: at(START) },
    });
    await store.send(
      'keys',
      pairs.map(([origin, destination], index) => ({
        id: `keys/${index}`,
        content: record(origin, destination, index),
      })),
    );
    const long = ['9007199254740992', '9007199254740993', '-9007199254740993'];
    await store.send(
      'keys',
      long.map((digits, index) => ({
        id: `keys/long/${index}`,
        content: JSON.stringify(record(0, 'long', 1000 + index)).replace('"origin":0', `"origin":${digits}`), // prettier-ignore
      })),
    );
    await store.caughtUp();

    const asked = [
      ...pairs.map(([origin, destination]) => ({ destination, origin })),
      ...long.map((origin) => ({ origin, destination: 'long' })),
    ];
    const read = await readVectors(
      store,
      service,
      asked.map((entities) => ({ entities, asOfMs: START })),
    );
    const routes = read.map(({ values, unknown }) => [unknown, values[9], values[12]]);
    expect(routes).toEqual([
      ...pairs.map((_, index) => [[], 1, index]),
      ...long.map((_, index) => [[], 1, 1000 + index]),
    ]);
  });

  it('reads values as SQL would: what is no finite number is none', async () => {
    const service = await defineFor(store, 'values');
    const values: readonly (readonly [string, number | null])[] = [
      ['1', 1], ['-0', 0], ['"2.5"', 2.5], ['" 3 "', 3], ['true', 1], ['false', 0], ['null', null], ['"NaN"', null],
      ['"Infinity"', null], ['"-inf"', null], ['"0x10"', null], ['"1_000"', null], ['""', null], ['[]', null], ['{}', null],
      ['9007199254740993', 9007199254740992], ['1e-7', 1e-7], ['1e300', 1e300], ['123456789012345678901234567890', 123456789012345678901234567890],
      ['0.1234567890123456789', 0.1234567890123456789], ['"constructor"', null],
    ]; // prettier-ignore
    await store.send(
      'values',
      values.map(([text], index) => ({
        id: `values/${index}`,
        content: `{"origin":"o${index}","destination":"x","date":"${at(START)}","known_at":"${at(START)}","delay":${text}}`,
      })),
    );
    await store.caughtUp();

    const read = await readVectors(
      store,
      service,
      values.map((_, index) => ({
        entities: { origin: `o${index}`, destination: 'x' },
        asOfMs: START,
      })),
    );
    expect(read.map((one, index) => [values[index]![0], one.values[0], one.values[3]])).toEqual(
      values.map(([text, value]) => [text, 1, value]),
    );
  });

  it('lies in time where its instants say', async () => {
    const service = await defineFor(store, 'instants');
    const instants: readonly (readonly [string | number, number])[] = [
      ['2024-03-10T12:00:00+05:30', Date.parse('2024-03-10T06:30:00Z')],
      ['2024-03-10T12:00:00Z', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10T12:00:00', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10 12:00:00', Date.parse('2024-03-10T12:00:00Z')],
      ['2024-03-10T06:29:00-00:00', Date.parse('2024-03-10T06:29:00Z')],
      ['2024-03-10', Date.parse('2024-03-10T00:00:00Z')],
      [1710072000000, 1710072000000],
      [1710072000000.9, 1710072000000],
      ['1969-12-31T23:59:59.9995Z', -1],
      ['0001-01-01T00:00:00Z', Date.parse('0001-01-01T00:00:00Z')],
      ['9999-12-31T23:59:59.999Z', Date.parse('9999-12-31T23:59:59.999Z')],
      [-8.64e15, -8.64e15],
    ];
    await store.send(
      'instants',
      instants.map(([date], index) => ({
        id: `instants/${index}`,
        content: { origin: `o${index}`, destination: 'x', date, known_at: date },
      })),
    );
    await store.caughtUp();

    const read = await readVectors(
      store,
      service,
      instants.flatMap(([, ms], index) =>
        [ms - 1, ms, ms + 3 * HOUR - 1, ms + 3 * HOUR].map((asOfMs) => ({
          entities: { origin: `o${index}`, destination: 'x' },
          asOfMs: Math.max(-8.64e15, asOfMs),
        })),
      ),
    );
    expect(read.map(({ values }) => values[0])).toEqual(
      instants.flatMap(([date]) => (date === -8.64e15 ? [1, 1, 1, 0] : [0, 1, 1, 0])),
    );
  });
});
