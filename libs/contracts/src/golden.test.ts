import { AppError } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allEvents } from './catalog.ts';
import { goldenSamples } from './documents/golden-samples.ts';
import { readEventData } from './event.ts';
import type { EventContract } from './event.ts';

const samples = goldenSamples().map((sample) => [sample.file, sample] as const);
const eventOf = (type: string): EventContract => {
  const event = allEvents().find((one) => one.type === type);
  if (!event) throw new Error(`no contract for ${type}`);
  return event;
};

describe('golden samples', () => {
  it('show every version of every event', () => {
    const shown = new Set(samples.map(([, { type, version }]) => `${type}.v${version}`));
    const published = allEvents().flatMap(({ type, version }) =>
      Array.from({ length: version }, (_, index) => `${type}.v${index + 1}`),
    );

    expect([...shown].sort()).toEqual(published.sort());
  });

  it.each(samples)('%s can still be read', (_, { type, version, data }) => {
    const event = eventOf(type);

    const read = readEventData(event, version, data);

    expect(event.key(read)).not.toBe('');
    if (version === event.version) expect(read).toMatchObject(data as object); // nothing of it is lost
    expect(readEventData(event, event.version, JSON.parse(JSON.stringify(read)))).toEqual(read);
  });

  it.each(samples)('%s with members the reader does not know is read all the same', (_, sample) => {
    const { type, version, data } = sample;
    const event = eventOf(type);
    const later = { ...(data as object), memberOfTomorrow: { any: ['thing'] } };

    expect(event.key(readEventData(event, version, later))).not.toBe('');
  });

  it.each(samples)('%s has no text that may be empty and leave it without a key', (_, sample) => {
    const { type, version, data } = sample;
    const event = eventOf(type);

    for (const path of leavesOf(data)) {
      const emptied = withLeaf(data, path, '');
      const parsed = event.data.safeParse(emptied);
      if (version === event.version && parsed.success)
        expect([path, event.key(parsed.data)]).not.toEqual([path, '']);
    }
  });

  it.each(samples)('%s, spoilt in any place, is read or refused as invalid', (_, sample) => {
    const { type, version, data } = sample;
    const event = eventOf(type);
    const paths = leavesOf(data);

    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        try {
          expect(event.key(readEventData(event, version, withLeaf(data, path, value)))).not.toBe(
            '',
          );
        } catch (error) {
          if (!(error instanceof AppError && error.code === 'invalid_argument')) throw error;
        }
      }),
      { numRuns: 50 },
    );
  });
});

type Path = readonly (string | number)[];

/** Places of all that is neither object nor array. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) =>
    leavesOf(member, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

function withLeaf(value: unknown, [name, ...rest]: Path, leaf: unknown): unknown {
  if (name === undefined) return leaf;
  const copy: unknown = structuredClone(value);
  const members = copy as Record<string | number, unknown>;
  members[name] = withLeaf(members[name], rest, leaf);
  return copy;
}
