import type { ModelRow, VersionHead } from '../models/model-rows.ts';

/** A version as MLflow's clients read it: numbers of versions are text, times are numbers. */
export function versionJson(row: VersionHead): object {
  return {
    name: row.model,
    version: String(row.version),
    creation_timestamp: Number(row.created_ms),
    last_updated_timestamp: Number(row.updated_ms),
    user_id: '',
    current_stage: row.stage,
    description: row.description ?? '',
    source: row.source,
    run_id: row.run ?? '',
    status: 'READY',
    run_link: row.run_link ?? '',
    ...(row.logged_model === null ? {} : { model_id: row.logged_model }),
    ...some('tags', row.tags),
    ...some('aliases', row.aliases),
  };
}

export function modelJson(row: ModelRow, latest: readonly VersionHead[]): object {
  return {
    name: row.name,
    creation_timestamp: Number(row.created_ms),
    last_updated_timestamp: Number(row.updated_ms),
    ...(row.description === null ? {} : { description: row.description }),
    ...some('latest_versions', latest.map(versionJson)),
    ...some('tags', row.tags),
    ...some(
      'aliases',
      row.aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
    ),
  };
}

/** MLflow leaves out what is empty. */
function some(name: string, items: readonly unknown[]): object {
  return items.length === 0 ? {} : { [name]: items };
}
