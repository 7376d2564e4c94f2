import { defineApi } from '../protocol/api.ts';
import { int16, int32, int64, nullableString, struct } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { Topics } from '../topics.ts';

/** Idempotent producers get a new id each; transactional ones are refused. */
export function initProducerId(topics: Topics) {
  const refused = (error: ErrorNumber) => ({
    throttleTimeMs: 0,
    error,
    producerId: -1,
    producerEpoch: -1,
  });
  return defineApi({
    key: 22,
    minVersion: 0,
    maxVersion: 1,
    request: struct({ transactionalId: nullableString, transactionTimeoutMs: int32 }),
    response: struct({
      throttleTimeMs: int32,
      error: int16,
      producerId: int64,
      producerEpoch: int16,
    }),
    handle: async ({ transactionalId }) => {
      if (transactionalId !== null) return refused(errorCodes.invalidRequest);
      try {
        const producerId = await topics.newProducerId();
        return { throttleTimeMs: 0, error: errorCodes.none, producerId, producerEpoch: 0 };
      } catch {
        return refused(errorCodes.coordinatorNotAvailable); // the disk took nothing: clients try again
      }
    },
  });
}
