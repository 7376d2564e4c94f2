import type { Operation, OperationInput, OperationReply } from '@flywheel/contracts';
import { toAppError } from '@flywheel/core';
import { tooLarge } from '../body/body-encoding.ts';
import { wireError } from '../errors/wire-error.ts';
import { parseJson } from '../json/parse-json.ts';
import { writeJson } from '../json/write-json.ts';
import type { OperationHandler } from './operation-route.ts';
import { parseInput } from './parse-input.ts';
import { wireCall } from './wire-call.ts';

type AnyHandler = OperationHandler<unknown, unknown, unknown, unknown>;

export const DEFAULT_BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** The operations that this process serves, by name, callable as over the wire but without a socket. */
export class LocalOperations {
  readonly #defaultBodyLimitBytes: number;
  readonly #handlerByName = new Map<string, AnyHandler>();

  constructor(defaultBodyLimitBytes = DEFAULT_BODY_LIMIT_BYTES) {
    this.#defaultBodyLimitBytes = defaultBodyLimitBytes;
  }

  add<P, Q, B, R>(operation: Operation<P, Q, B, R>, handler: OperationHandler<P, Q, B, R>): void {
    // a call finds it by the same operation, whose schemas give it what its types say
    this.#handlerByName.set(operation.name, handler as unknown as AnyHandler);
  }

  has(operation: Operation): boolean {
    return this.#handlerByName.has(operation.name);
  }

  /**
   * Runs the handler on input that has been text in between, and gives its reply as parsed JSON, so that nothing is
   * shared and everything is checked as over HTTP. Throws what a caller over HTTP would get.
   */
  async call<O extends Operation>(
    operation: O,
    input: OperationInput<O>,
    signal: AbortSignal,
  ): Promise<OperationReply<O> | undefined> {
    const handler = this.#handlerByName.get(operation.name);
    if (handler === undefined) throw new Error(`operation ${operation.name} is not served here`);
    try {
      const call = wireCall(operation, input);
      const body = this.#bodyOf(operation, call.body);
      const parsed = parseInput(operation, { ...call, body });
      const reply = await handler({ ...parsed, signal });
      return reply === undefined ? undefined : (JSON.parse(writeJson(reply)) as OperationReply<O>);
    } catch (thrown) {
      throw wireError(toAppError(thrown));
    }
  }

  #bodyOf(operation: Operation, text: string | undefined): unknown {
    if (text === undefined) return undefined;
    const limitBytes = operation.bodyLimitBytes ?? this.#defaultBodyLimitBytes;
    if (Buffer.byteLength(text) > limitBytes) throw tooLarge(limitBytes);
    return parseJson(text);
  }
}
