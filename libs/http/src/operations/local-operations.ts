import type { Operation } from '@flywheel/contracts';
import type { OperationHandler } from './operation-route.ts';

/** The operations that this process serves, by name. */
export class LocalOperations {
  readonly #handlerByName = new Map<string, OperationHandler<unknown, unknown, unknown, unknown>>();

  add<P, Q, B, R>(operation: Operation<P, Q, B, R>, handler: OperationHandler<P, Q, B, R>): void {
    // found again by the same operation only, so the types meet
    this.#handlerByName.set(
      operation.name,
      handler as unknown as OperationHandler<unknown, unknown, unknown, unknown>,
    );
  }

  find<P, Q, B, R>(operation: Operation<P, Q, B, R>): OperationHandler<P, Q, B, R> | undefined {
    return this.#handlerByName.get(operation.name) as OperationHandler<P, Q, B, R> | undefined;
  }
}
