import { expect, it } from 'vitest';
import { z } from 'zod';
import { jsonText, schemaDocuments } from './documents.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { planSchemaWrites } from './plan-writes.ts';

const before = z.object({ id: z.string(), owner: z.string() });
const path = 'schemas/registry.model-renamed.v1.json';
const plan = (after: z.ZodType, text: string | undefined = jsonText(jsonSchemaOf(before))) =>
  planSchemaWrites([[path, jsonSchemaOf(after)]], () => text);

it('a schema that was added to is written', () => {
  const after = before.extend({ note: z.string().optional() });

  expect([...plan(after).writes]).toEqual([[path, jsonText(jsonSchemaOf(after))]]);
  expect(plan(after).refusals).toEqual([]);
});

it('a schema that breaks the one of the same version is refused, and stays as it is', () => {
  expect(plan(before.omit({ owner: true }))).toEqual({
    writes: new Map(),
    refusals: [`${path}: owner: is gone`],
  });
});

it('a schema that nobody checked in yet is written, whatever it is', () => {
  expect(planSchemaWrites([[path, jsonSchemaOf(before)]], () => undefined).writes.size).toBe(1);
});

it('nothing is written where nothing changed', () => {
  expect(plan(before)).toEqual({ writes: new Map(), refusals: [] });
  expect([...schemaDocuments().keys()]).toContain('schemas/lap-report.json');
});
