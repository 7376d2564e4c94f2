import { defineApi } from '../protocol/api.ts';
import { array, int16, int32, int8, nullableString, string, struct } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';

const message = 'No Authorizer is configured.';
const filter = {
  resourceType: int8,
  resourceName: nullableString,
  patternType: int8,
  principal: nullableString,
  host: nullableString,
  operation: int8,
  permission: int8,
};

/** There is no authorizer; Kafka without one answers the same. */
export function describeAcls() {
  return defineApi({
    key: 29,
    minVersion: 1,
    maxVersion: 1,
    request: struct(filter),
    response: struct({
      throttleTimeMs: int32,
      error: int16,
      errorMessage: nullableString,
      resources: array(int8),
    }),
    handle: () => ({
      throttleTimeMs: 0,
      error: errorCodes.securityDisabled,
      errorMessage: message,
      resources: [],
    }),
  });
}

export function createAcls() {
  const creation = { ...filter, resourceName: string, principal: string, host: string };
  return defineApi({
    key: 30,
    minVersion: 1,
    maxVersion: 1,
    request: struct({ creations: array(struct(creation)) }),
    response: struct({
      throttleTimeMs: int32,
      results: array(struct({ error: int16, errorMessage: nullableString })),
    }),
    handle: ({ creations }) => ({
      throttleTimeMs: 0,
      results: creations.map(() => ({
        error: errorCodes.securityDisabled,
        errorMessage: message,
      })),
    }),
  });
}

export function deleteAcls() {
  return defineApi({
    key: 31,
    minVersion: 1,
    maxVersion: 1,
    request: struct({ filters: array(struct(filter)) }),
    response: struct({
      throttleTimeMs: int32,
      results: array(struct({ error: int16, errorMessage: nullableString, matches: array(int8) })),
    }),
    handle: ({ filters }) => ({
      throttleTimeMs: 0,
      results: filters.map(() => ({
        error: errorCodes.securityDisabled,
        errorMessage: message,
        matches: [],
      })),
    }),
  });
}
