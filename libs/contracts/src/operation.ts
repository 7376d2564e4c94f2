import type { z } from 'zod';
import type { Owner } from './topics.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One HTTP operation of ours: where it lies, what goes in, what comes out. Served and called from the same description. */
export type Operation<Params = unknown, Query = unknown, Body = unknown, Reply = unknown> = {
  /** `<service>.<verb>-<noun>`; `mlflow.<verb>-<noun>` where MLflow's API is spoken. */
  readonly name: string;
  readonly service: Owner;
  readonly method: HttpMethod;
  /** With `:name` for parameters, for instance `/api/ingestion/datasets/:dataset`; no wildcard. */
  readonly path: string;
  readonly summary: string;
  readonly params: z.ZodType<Params> | undefined;
  /** Values arrive as text, or as a list where the schema's member is an array: coerce numbers and booleans. */
  readonly query: z.ZodType<Query> | undefined;
  readonly body: z.ZodType<Body> | undefined;
  readonly reply: z.ZodType<Reply>;
  readonly status: number;
  /** Whether a call may be sent again when its reply was lost: at worst there is one report or snapshot more. GET, PUT and DELETE are. */
  readonly idempotent: boolean;
  readonly bodyLimitBytes: number | undefined;
};

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** Input of a call: what the caller writes, before defaults are filled in. Parts that may be empty may be left out. */
export type OperationInput<Op> = Op extends { readonly input?: infer Input }
  ? {
      readonly [Part in PartsThatMayBeLeftOut<Input>]?: Part extends keyof Input
        ? Input[Part] | undefined
        : never;
    } & {
      readonly [Part in Exclude<keyof Input, PartsThatMayBeLeftOut<Input>>]: Input[Part];
    }
  : never;

type PartsThatMayBeLeftOut<Input> = {
  [Part in keyof Input]: undefined extends Input[Part]
    ? Part
    : object extends Input[Part]
      ? Part
      : never;
}[keyof Input];

/** What a successful call gives. */
export type OperationReply<Op> = Op extends { readonly reply: z.ZodType<infer Reply> }
  ? Reply
  : never;

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
  idempotent?: boolean;
  bodyLimitBytes?: number;
};

/** An operation together with the type of what a caller writes (a phantom: `input` is never set). */
export type DefinedOperation<P, Q, B, R> = Operation<Output<P>, Output<Q>, Output<B>, Output<R>> & {
  readonly input?: { params: InputOf<P>; query: InputOf<Q>; body: InputOf<B> };
};

/** Declares an operation, its types taken from the schemas; throws where name, path and parameters contradict one another. */
export function defineOperation<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType = z.ZodType,
>(definition: Definition<P, Q, B, R>): DefinedOperation<P, Q, B, R> {
  const { name, method, path, params } = definition;
  if (!/^\/[^*?#]*$/.test(path)) throw new Error(`operation ${name} has no valid path`);
  if (path.includes(':') !== (params !== undefined))
    throw new Error(`operation ${name} must describe the parameters of its path`);
  return Object.freeze({
    status: 200,
    idempotent: method === 'GET' || method === 'PUT' || method === 'DELETE',
    bodyLimitBytes: undefined,
    ...definition,
    params: definition.params,
    query: definition.query,
    body: definition.body,
  }) as unknown as DefinedOperation<P, Q, B, R>; // the schemas' types are those of the definition
}
