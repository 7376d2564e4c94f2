import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { makeServers } from '../servers/catalog.ts';
import { DebianPackages } from '../servers/debian.ts';
import { serverNames, type ServerName } from '../servers/server.ts';
import { readSettings } from '../servers/settings.ts';
import { repository } from './tracked-files.ts';

type Service = {
  readonly image: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
};
type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

const text = readFileSync(join(repository, 'deploy', 'compose.yaml'), 'utf8');
const { services } = parse(text, { merge: true }) as Compose;
const dockerfile = readFileSync(join(repository, 'deploy', 'Dockerfile'), 'utf8');

/** The packages that run as a process of their own in the distributed platform. */
const flywheelServices = readdirSync(join(repository, 'apps')).filter(
  (name) => name !== 'flywheel' && name !== 'console',
);

const servers = makeServers(serverNames, readSettings({}, repository), new DebianPackages());
const versionIn = (words = ''): string => /\d+(\.\d+)*/.exec(words)?.[0] ?? '';
/** What the servers' own installer says; without the program, the major version that it would install. */
const installed = (name: ServerName): string =>
  versionIn(
    servers
      .find((server) => server.name === name)!
      .version()
      .split(' ')
      .at(-1),
  );

describe('deploy/compose.yaml', () => {
  test('it has the four servers and one service for each app', () => {
    expect(Object.keys(services).sort()).toEqual([...serverNames, ...flywheelServices].sort());
  });

  test.each(['kafka', 's3'] as const)('%s is the version that npm run servers installs', (name) => {
    expect(versionIn(services[name]!.image.split(':')[1])).toBe(installed(name));
  });

  test.each(['postgres', 'redis'] as const)(
    '%s is pinned and of the major version that npm run servers installs',
    (name) => {
      const version = versionIn(services[name]!.image.split(':')[1]);

      expect(version).toMatch(/^\d+\.\d+/);
      expect(version.split('.')[0]).toBe(installed(name).split('.')[0]);
    },
  );

  test.each(Object.entries(services))('%s listens on loopback only', (_name, service) => {
    expect(service.ports).not.toEqual([]);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('no port of the machine is taken twice', () => {
    const taken = Object.values(services)
      .flatMap((service) => service.ports ?? [])
      .map((port) => port.split(':')[1]);

    expect(new Set(taken).size).toBe(taken.length);
  });

  test.each(Object.entries(services))('%s has a health check', (_name, service) => {
    const words: readonly unknown[] = service.healthcheck?.test ?? [];

    expect(words[0]).toMatch(/^CMD(-SHELL)?$/);
    expect(words.filter((word) => typeof word !== 'string')).toEqual([]);
  });

  test.each(flywheelServices)(
    '%s runs its own main of the one image, after the servers are healthy',
    (name) => {
      const service = services[name]!;

      expect(service.image).toBe('flywheel');
      expect(service.command).toEqual(['node', '--import', 'tsx', `apps/${name}/src/main.ts`]);
      for (const server of serverNames)
        expect(service.depends_on?.[server]).toEqual({ condition: 'service_healthy' });
    },
  );

  test.each(flywheelServices)('%s knows the servers and its peers', (name) => {
    const environment = services[name]!.environment ?? {};
    const variables = servers.flatMap((server) => Object.keys(server.environment()));

    expect(Object.keys(environment)).toEqual(expect.arrayContaining(variables));
    expect(environment['FLYWHEEL_PLATFORM']).toBe('distributed');
    for (const peer of flywheelServices)
      expect(environment['FLYWHEEL_PEERS']).toContain(`${peer}=http://${peer}:7070`);
  });
});

describe('deploy/Dockerfile', () => {
  test('it is built in stages from a pinned image and does not run as root', () => {
    expect(dockerfile).toMatch(/^ARG NODE=node:\d+\.\d+\.\d+-bookworm-slim$/m);
    expect(dockerfile.match(/^FROM /gm)?.length).toBeGreaterThan(1);
    expect(dockerfile.match(/^USER .*$/gm)).toEqual(['USER 1000:1000']);
  });

  test('every path it copies from the repository exists', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((line) =>
      line[1]!.split(' '),
    );

    const present = new Set(readdirSync(repository));
    expect(copied.length).toBeGreaterThan(3);
    expect(copied.filter((path) => !present.has(path))).toEqual([]);
  });
});
