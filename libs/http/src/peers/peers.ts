import type { Operation, OperationInput, OperationReply, Owner } from '@flywheel/contracts';
import { toAppError } from '@flywheel/core';
import { withDeadline } from '../client/deadline.ts';
import type { CallOptions, HttpClient } from '../client/http-client.ts';
import { withRetries } from '../client/retry.ts';
import type { Attempt } from '../client/retry.ts';
import type { LocalOperations } from '../operations/local-operations.ts';
import { callError, readReply, whereabouts } from '../operations/read-reply.ts';

/** Calls operations of other services wherever they run; results and errors are the same here and there. */
export type Peers = {
  call<O extends Operation>(
    operation: O,
    input: OperationInput<O>,
    options?: CallOptions,
  ): Promise<OperationReply<O>>;
};

export type PeersOptions = {
  readonly client: HttpClient;
  /** Where a service that is not in this process answers. */
  urlOf(service: Owner): string;
  /** `http.local` of this process's server. */
  readonly local: LocalOperations;
  /** Deadline of calls within this process; 30 s unless given. */
  readonly timeoutMs?: number;
  /** Jitter of retries, between 0 and 1. */
  readonly draw?: () => number;
};

export function createPeers(options: PeersOptions): Peers {
  const { client, local } = options;
  return {
    call: (operation, input, callOptions = {}) =>
      local.has(operation)
        ? callHere(options, operation, input, callOptions)
        : client.call(options.urlOf(operation.service), operation, input, callOptions),
  };
}

async function callHere<O extends Operation>(
  { local, timeoutMs, draw }: PeersOptions,
  operation: O,
  input: OperationInput<O>,
  options: CallOptions,
): Promise<OperationReply<O>> {
  const reply = await withDeadline(
    {
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? timeoutMs ?? 30_000,
      details: whereabouts(operation),
    },
    (signal, deadlineMs) =>
      withRetries(
        {
          mayRepeat: options.mayRepeat ?? operation.idempotent,
          isPatient: options.patient,
          signal,
          deadlineMs,
          draw: draw ?? Math.random,
          ...(options.onRetry && { onRetry: options.onRetry }),
        },
        () => attemptHere(local, operation, input, signal),
      ),
  );
  return readReply(operation, reply) as OperationReply<O>;
}

async function attemptHere<O extends Operation>(
  local: LocalOperations,
  operation: O,
  input: OperationInput<O>,
  signal: AbortSignal,
): Promise<Attempt<unknown>> {
  try {
    return { kind: 'done', value: await local.call(operation, input, signal) };
  } catch (thrown) {
    return { kind: 'failed', error: callError(operation, toAppError(thrown)), isSent: true };
  }
}
