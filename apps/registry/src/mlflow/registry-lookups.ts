import { AppError } from '@flywheel/core';
import type { SqlTransaction } from '@flywheel/kafka';
import type { ModelRow, VersionRow } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { alreadyThere, modelNotThere, versionNotThere } from './mlflow-errors.ts';
import type { Parameters } from './parameters.ts';

/** The model the call names, or MLflow's 404. */
export async function modelOf(models: ModelStore, given: Parameters): Promise<ModelRow> {
  const name = given.required('name');
  const model = await models.findModel(name);
  if (!model) throw modelNotThere(name);
  return model;
}

/** The version the call names, or MLflow's 404. */
export async function versionOf(models: ModelStore, given: Parameters): Promise<VersionRow> {
  const name = given.required('name');
  const version = given.version();
  const row = await models.findVersion(name, version);
  if (!row) throw versionNotThere(name, version);
  return row;
}

/** Changes the model the call names, with nobody else changing it at the same time. */
export function changeModel<T>(
  models: ModelStore,
  name: string,
  work: (tx: SqlTransaction) => Promise<T>,
): Promise<T> {
  return models.transaction(async (tx) => {
    if (!(await models.lockModel(tx, name))) throw modelNotThere(name);
    return work(tx);
  });
}

/** Changes the version the call names; answers with what it is afterwards. */
export function changeVersion(
  models: ModelStore,
  given: Parameters,
  work: (tx: SqlTransaction, row: VersionRow) => Promise<void>,
): Promise<VersionRow> {
  const name = given.required('name');
  const version = given.version();
  return changeModel(models, name, async (tx) => {
    const row = await models.findVersion(name, version, tx);
    if (!row) throw versionNotThere(name, version);
    await work(tx, row);
    return (await models.findVersion(name, version, tx)) ?? row;
  });
}

/** Runs what takes a name: the database decides between two that want it at the same moment. */
export async function takingName<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isTaken = error instanceof AppError && error.details?.['constraint'] === 'models_pkey';
    throw isTaken ? alreadyThere(name) : error;
  }
}
