import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import * as contracts from './index.ts';
import { allConsumers } from './consumers.ts';

const apps = fileURLToPath(new URL('../../../apps/', import.meta.url));
const call = /\bbus\.(subscribe|subscribeBatch|watch)\(\s*(\w+)\.(\w+)/g;

it('consumers are those that subscribe in the code of the services', () => {
  const services = [...new Set(allConsumers().map(({ service }) => service))].sort();
  const found = services.flatMap((service) =>
    sourcesOf(service).flatMap((source) =>
      subscriptionsIn(source).map((one) => `${service} ${one}`),
    ),
  );
  const declared = allConsumers().map(
    ({ service, event, how }) => `${service} ${how} ${event.type}`,
  );

  expect(declared.sort()).toEqual(found.sort());
});

it('consumer groups begin with the name of their service', () => {
  for (const { service, group } of allConsumers()) expect(group.split('.')[0]).toBe(service);
});

function sourcesOf(service: string): string[] {
  const folder = join(apps, service, 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => readFileSync(join(folder, path), 'utf8'));
}

/** `group` or `watch` and the type of the event, for each subscription in a source file. */
function subscriptionsIn(source: string): string[] {
  return [...source.matchAll(call)].map(([, how, alias = '', name = '']) => {
    const original = new RegExp(String.raw`\b(\w+) as ${alias}\b`).exec(source)?.[1] ?? alias;
    const file = (contracts as unknown as Record<string, Record<string, { type: string }>>)[
      original
    ];
    return `${how === 'watch' ? 'watch' : 'group'} ${file?.[name]?.type ?? `${original}.${name}`}`;
  });
}
