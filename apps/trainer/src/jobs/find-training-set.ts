import { featureStore } from '@flywheel/contracts';
import { AppError, invalid } from '@flywheel/core';
import type { Peers } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import type { LocalTrainingSet } from './load-tables.ts';

/** Finds a finished training set; one that is not there or not finished is a mistake in `field`. */
export type FindTrainingSet = (id: string, field: string) => Promise<LocalTrainingSet>;

export function trainingSetsOf(parts: { peers: Peers; objects: PublicObjects }): FindTrainingSet {
  return async (id, field) => {
    const set = await parts.peers
      .call(featureStore.getTrainingSet, { params: { id }, query: {} })
      .catch((error: unknown) => {
        if (!(error instanceof AppError && error.code === 'not_found')) throw error;
        throw invalid(field, 'there is no such training set');
      });
    const { data, features, state } = set;
    if (!data || !features) throw invalid(field, 'must have finished', { state });
    return { set, data, features, file: await parts.objects.localFile(data.objectKey) };
  };
}
