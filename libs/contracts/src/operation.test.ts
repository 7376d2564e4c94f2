import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { defineOperation } from './operation.ts';
import type { Operation, OperationInput, OperationReply } from './operation.ts';

const definition = {
  name: 'ingestion.list-records',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/datasets/:dataset/records',
  summary: 'Lists records of a dataset.',
  params: z.object({ dataset: z.string() }),
  query: z.object({ limit: z.coerce.number<number>().default(100) }),
  reply: z.object({ records: z.array(z.string()) }),
} as const;
const listRecords = defineOperation(definition);

describe('defineOperation', () => {
  it('takes the types of handler and caller from the schemas', () => {
    expectTypeOf(listRecords).toExtend<
      Operation<{ dataset: string }, { limit: number }, undefined, { records: string[] }>
    >();
    expectTypeOf<{ params: { dataset: string } }>().toExtend<OperationInput<typeof listRecords>>();
    expectTypeOf<object>().not.toExtend<OperationInput<typeof listRecords>>();
    expectTypeOf<{ params: { dataset: string }; body: string }>().not.toExtend<
      OperationInput<typeof listRecords>
    >();
    expectTypeOf<OperationReply<typeof listRecords>>().toEqualTypeOf<{ records: string[] }>();
    expect(Object.isFrozen(listRecords)).toBe(true);
  });

  it('refuses a wildcard and undescribed parameters', () => {
    const define = (change: Partial<Parameters<typeof defineOperation>[0]>) => () =>
      defineOperation({ ...definition, ...change });

    expect(define({ path: '/api/*' })).toThrow('no valid path');
    expect(define({ path: '/api/ingestion/records' })).toThrow('must describe the parameters');
    expect(define({ params: undefined })).toThrow('must describe the parameters');
  });
});
