import type { Operation } from '@flywheel/contracts';
import type { z } from 'zod';
import { queryValues } from './query-values.ts';
import { schemaFault } from './schema-fault.ts';

/** The parts of a request as they come off the wire. */
export type WireInput = {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed JSON, `undefined` if there was no body. */
  readonly body: unknown;
};

/** Checks and types the parts; `invalid_argument` names the field that is wrong. */
export function parseInput<P, Q, B>(
  operation: Operation<P, Q, B>,
  input: WireInput,
): { params: P; query: Q; body: B } {
  return {
    params: parsePart('params', operation.params, input.params),
    query: parsePart('query', operation.query, () => queryValues(operation.query, input.query)),
    body: parsePart('body', operation.body, input.body),
  };
}

function parsePart<T>(part: string, schema: z.ZodType<T> | undefined, value: unknown): T {
  if (schema === undefined) return undefined as T; // T is undefined where there is no schema
  const parsed = schema.safeParse(typeof value === 'function' ? (value as () => unknown)() : value);
  if (parsed.success) return parsed.data;
  throw schemaFault(part, parsed.error);
}
