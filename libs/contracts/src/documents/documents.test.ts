import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { allEvents } from '../catalog.ts';
import { breakingChanges } from '../evolution/breaking-changes.ts';
import type { JsonSchema } from '../evolution/schema-node.ts';
import { asyncApiDocument, jsonText, packageFolder, readDocument } from './documents.ts';
import { readmeDocument, schemaDocuments } from './documents.ts';
import { goldenSamples } from './golden-samples.ts';

const rewrite = 'run `npm run contracts:write` and look at the difference';
const schemas = [...schemaDocuments()];

function validator(options: { meta?: boolean } = {}): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, ...options });
  formats.default(ajv);
  return ajv;
}

describe('schemas', () => {
  it.each(schemas)(
    '%s has not changed but by additions since it was checked in',
    (path, schema) => {
      const checkedIn = JSON.parse(readDocument(path)) as JsonSchema;

      expect(breakingChanges(checkedIn, schema)).toEqual([]);
    },
  );

  it.each(schemas)('%s is checked in as it is', (path, schema) => {
    expect(readDocument(path), rewrite).toBe(jsonText(schema));
  });

  it('are checked in for what exists or existed, and nothing else', () => {
    const old = allEvents().flatMap(({ type, version }) =>
      Array.from({ length: version - 1 }, (_, index) => `schemas/${type}.v${index + 1}.json`),
    );
    const files = readdirSync(new URL('schemas', packageFolder)).map((file) => `schemas/${file}`);

    expect(files.sort()).toEqual([...schemas.map(([path]) => path), ...old].sort());
  });

  it.each(goldenSamples().map((sample) => [sample.file, sample] as const))(
    'take the sample %s, says an independent validator',
    (_, { type, version, data }) => {
      const check = validator().compile(
        JSON.parse(readDocument(`schemas/${type}.v${version}.json`)) as object,
      );

      expect(check(data), JSON.stringify(check.errors)).toBe(true);
      expect(check({})).toBe(type === 'ingestion.record-received'); // a record may be any object
    },
  );
});

describe('asyncapi.json', () => {
  it('is checked in as it is', () => {
    expect(readDocument('asyncapi.json'), rewrite).toBe(jsonText(asyncApiDocument()));
  });

  it('is a valid AsyncAPI 3.0 document, says the specification’s own schema', () => {
    const path = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0.json');
    const check = validator({ meta: false }).compile(
      JSON.parse(readFileSync(path, 'utf8')) as object,
    );

    expect(check(asyncApiDocument()), JSON.stringify(check.errors?.slice(0, 3))).toBe(true);
    expect(check({ ...asyncApiDocument(), channels: { broken: { address: 7 } } })).toBe(false);
  });

  it('refers to nothing that is not there', () => {
    const document = asyncApiDocument();

    const references = referencesIn(document);

    expect(references.length).toBeGreaterThan(100);
    expect(references.filter((reference) => resolve(document, reference) === undefined)).toEqual(
      [],
    );
  });

  it('shows each event with its sample, and who sends and receives it', () => {
    expect(asyncApiDocument()).toMatchObject({
      channels: {
        registryDeployments: {
          address: 'registry.deployments',
          bindings: { kafka: { topicConfiguration: { 'cleanup.policy': ['compact'] } } },
        },
        'dead.monitor': { address: 'dead.monitor' },
      },
      operations: {
        'registry.send.registry.deployment-changed': { action: 'send' },
        'router.receive.registry.deployment-changed': {
          action: 'receive',
          bindings: { kafka: { groupId: { pattern: '^router\\.watch\\.' } } },
        },
        'router.receive.router.predictions-logged': {
          bindings: { kafka: { groupId: { const: 'router.shadows' } } },
        },
      },
      components: {
        messages: {
          'router.feedback-received.v1': {
            examples: [{ name: 'sample', payload: { values: { delay: 23 } } }],
          },
        },
      },
    });
  });
});

it('the README’s table of topics is the one in force', () => {
  expect(readDocument('README.md'), rewrite).toBe(readmeDocument());
  expect(readDocument('README.md')).toContain('| `registry.deployments`');
});

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' ? [String(member)] : referencesIn(member),
  );
}

function resolve(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);
}
