import type { z } from 'zod';
import type { Owner } from './topics.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One HTTP operation of ours: where it lies, what goes in, what comes out. Served and called from the same description. */
export type Operation<Params = unknown, Query = unknown, Body = unknown, Reply = unknown> = {
  /** `<service>.<verb>-<noun>` */
  readonly name: string;
  readonly service: Owner;
  readonly method: HttpMethod;
  /** With `:name` for parameters, for instance `/api/ingestion/datasets/:dataset`. */
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodType<Params> | undefined;
  readonly query: z.ZodType<Query> | undefined;
  readonly body: z.ZodType<Body> | undefined;
  readonly reply: z.ZodType<Reply>;
  readonly status: number;
  readonly bodyLimitBytes: number | undefined;
};

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** Input of a call: what the caller writes, before defaults are filled in. */
export type OperationInput<Op> = Op extends { readonly input?: infer Input } ? Input : never;

type InputOf<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

type Definition<P, Q, B, R extends z.ZodType> = {
  name: string;
  service: Owner;
  method: HttpMethod;
  path: string;
  summary: string;
  params?: P;
  query?: Q;
  body?: B;
  reply: R;
  status?: number;
  bodyLimitBytes?: number;
};

/** An operation together with the type of what a caller writes (a phantom: `input` is never set). */
export type DefinedOperation<P, Q, B, R> = Operation<Output<P>, Output<Q>, Output<B>, Output<R>> & {
  readonly input?: { params: InputOf<P>; query: InputOf<Q>; body: InputOf<B> };
};

export function defineOperation<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType = z.ZodType,
>(definition: Definition<P, Q, B, R>): DefinedOperation<P, Q, B, R> {
  return Object.freeze({
    status: 200,
    bodyLimitBytes: undefined,
    ...definition,
    params: definition.params,
    query: definition.query,
    body: definition.body,
  }) as unknown as DefinedOperation<P, Q, B, R>; // the schemas' types are those of the definition
}
