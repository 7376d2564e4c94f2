import { describe, expect, it } from 'vitest';
import { allEvents, allOperations } from './catalog.ts';
import { deadLetterTopic, topics } from './topics.ts';
import type { Owner, Topic } from './topics.ts';

const owners: readonly Owner[] = [
  'ingestion',
  'feature-store',
  'tracking',
  'registry',
  'trainer',
  'router',
  'monitor',
];
const rows: readonly (readonly [string, Topic])[] = Object.entries(topics);

describe('topics', () => {
  it.each(rows)('%s has a name, an owner and a bound of its own', (property, topic) => {
    expect(topic.name).toMatch(/^[a-z]+\.[a-z]+$/);
    expect(camelCase(topic.name)).toBe(property);
    expect(owners).toContain(topic.owner);
    expect(topic.partitions).toBeGreaterThan(0);
    expect(topic.retentionMs === undefined).toBe(topic.cleanup === 'compact');
  });

  it('are named once', () => {
    expect(duplicates(rows.map(([, { name }]) => name))).toEqual([]);
  });

  it('all carry events', () => {
    const used = new Set(allEvents().map(({ topic }) => topic.name));

    expect(rows.map(([, { name }]) => name).filter((name) => !used.has(name))).toEqual([]);
  });

  it('keep a total order where the newest state counts', () => {
    const compacted = rows.map(([, topic]) => topic).filter(({ cleanup }) => cleanup === 'compact');

    expect(compacted.map(({ partitions }) => partitions)).toEqual(compacted.map(() => 1));
  });

  it('have a place beside them for messages of each service that cannot be handled', () => {
    const names = owners.map((owner) => deadLetterTopic(owner).name);

    expect(duplicates(names)).toEqual([]);
    expect(names).toContain('dead.feature-store');
  });
});

describe('events', () => {
  it('are found in the contracts, and named once', () => {
    expect(allEvents().length).toBeGreaterThanOrEqual(20);
    expect(duplicates(allEvents().map(({ type }) => type))).toEqual([]);
  });

  it.each(allEvents().map((event) => [event.type, event] as const))(
    '%s is named <owner>.<noun>-<past participle> after the owner of its topic',
    (type, event) => {
      const [owner, fact] = type.split('.') as [string, string];

      expect(owner).toBe(event.topic.owner);
      expect(fact).toMatch(/^[a-z]+(-[a-z]+)*-[a-z]+(ed|ged)$/);
    },
  );

  it.each(allEvents().map((event) => [event.type, event] as const))(
    '%s can be lifted from every version before its own, and from no other',
    (_, { version, older }) => {
      const lifted = Object.keys(older).map(Number);

      expect(Number.isInteger(version) && version >= 1).toBe(true);
      expect(lifted.sort((left, right) => left - right)).toEqual(
        Array.from({ length: version - 1 }, (_gap, index) => index + 1),
      );
    },
  );
});

describe('operations', () => {
  const named = allOperations().map((operation) => [operation.name, operation] as const);

  it('have names and places of their own', () => {
    const places = named.map(
      ([, { method, path }]) => `${method} ${path.replaceAll(/:[^/]+/g, ':')}`,
    );

    expect(named.length).toBeGreaterThan(30);
    expect(duplicates(named.map(([name]) => name))).toEqual([]);
    expect(duplicates(places)).toEqual([]);
  });

  it.each(named)('%s is named and placed after its service', (name, { service, path }) => {
    const [surface, action] = name.split('.') as [string, string];

    expect(action).toMatch(/^[a-z]+(-[a-z]+)*$/);
    if (surface === 'mlflow') expect(path).toMatch(/^\/api\/2\.0\/mlflow\//);
    else if (surface === 'oip') expect(path).toMatch(/^\/v2\//);
    else expect([surface, path.split('/').slice(0, 3)]).toEqual([service, ['', 'api', service]]);
  });

  it.each(named)('%s describes each parameter of its path and no other', (_, operation) => {
    const inPath = [...operation.path.matchAll(/:([A-Za-z_]+)/g)].map(([, name]) => name);
    const described = operation.params ? Object.keys(shapeOf(operation.params)) : [];

    expect(described.sort()).toEqual(inPath.sort());
  });

  it.each(named)(
    '%s says what it does, in one sentence',
    (_, { summary, method, body, status }) => {
      expect(summary).toMatch(/^[A-Z][^\n]+[^.]$/);
      if (method === 'GET') expect([body, status]).toEqual([undefined, 200]);
    },
  );
});

function shapeOf(schema: unknown): Record<string, unknown> {
  return (schema as { shape: Record<string, unknown> }).shape;
}

function camelCase(name: string): string {
  return name.replace(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function duplicates(names: readonly string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}
