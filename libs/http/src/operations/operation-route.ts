import type { Operation } from '@flywheel/contracts';
import { operationDocument } from '../documents/operation-document.ts';
import { writeJson } from '../json/write-json.ts';
import type { RawReply, RawRoute } from '../server/raw-route.ts';
import { parseInput } from './parse-input.ts';
import { readReply } from './read-reply.ts';

export type OperationHandler<P, Q, B, R> = (input: {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** Aborted when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
}) => Promise<R> | R;

/** An operation as a route: its input parsed by its schemas, its reply as JSON. */
export function operationRoute<P, Q, B, R>(
  operation: Operation<P, Q, B, R>,
  handler: OperationHandler<P, Q, B, R>,
  options: { readonly checkReplies: boolean },
): RawRoute {
  return {
    service: operation.service,
    name: operation.name,
    summary: operation.summary,
    method: operation.method,
    path: operation.path,
    ...(operation.bodyLimitBytes === undefined ? {} : { bodyLimitBytes: operation.bodyLimitBytes }),
    ...(operation.body === undefined ? { body: 'none' } : { body: 'json', optionalBody: true }),
    openapi: operationDocument(operation),
    async handler(request: Parameters<RawRoute['handler']>[0]) {
      const input = parseInput(operation, request);
      const reply = await handler({
        ...input,
        get signal() {
          return request.signal;
        },
      });
      if (options.checkReplies) checkReply(operation, reply);
      return replyOf(operation, reply);
    },
  };
}

function checkReply<R>(operation: Operation<unknown, unknown, unknown, R>, reply: R): void {
  readReply(operation, reply === undefined ? undefined : JSON.parse(writeJson(reply)));
}

function replyOf(operation: Operation, reply: unknown): RawReply {
  if (reply === undefined) return { status: operation.status === 200 ? 204 : operation.status };
  return { status: operation.status, body: jsonBody(reply) };
}

/** Also a bare string, number, boolean or null is JSON here. */
function jsonBody(reply: unknown): object {
  return typeof reply === 'object' && reply !== null ? reply : new JsonScalar(reply);
}

class JsonScalar {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  toJSON(): unknown {
    return this.#value;
  }
}
