import type { SqlTransaction } from '@flywheel/kafka';
import type { ArtifactFile } from './artifact-folder.ts';

export type Tag = { key: string; value: string };
export type Stage = 'None' | 'Staging' | 'Production' | 'Archived';
export type ModelRow = {
  name: string;
  description: string | null;
  created_ms: string;
  updated_ms: string;
  tags: Tag[];
  aliases: { alias: string; version: number }[];
};
/** A version without the list of its files, which may be long. */
export type VersionHead = {
  model: string;
  version: number;
  source: string;
  location: string;
  folder: string;
  run: string | null;
  run_link: string | null;
  logged_model: string | null;
  description: string | null;
  stage: Stage;
  digest: string;
  onnx: string | null;
  created_ms: string;
  updated_ms: string;
  tags: Tag[];
  aliases: string[];
};
export type VersionRow = VersionHead & { files: ArtifactFile[] };

/** What statements are run on: the store itself or a transaction of it. */
export type Query = Pick<SqlTransaction, 'query'>;

/** The rest of a select statement, from `where` on, with its values. */
export type Rest = { text: string; values: readonly unknown[] };

const MODEL = `m.name, m.description, m.created_ms::text, m.updated_ms::text,
  (select coalesce(jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) order by t.key collate "C"), '[]')
     from model_tags t where t.model = m.name) as tags,
  (select coalesce(jsonb_agg(jsonb_build_object('alias', a.alias, 'version', a.version) order by a.alias collate "C"), '[]')
     from aliases a where a.model = m.name) as aliases`;

const VERSION = `v.model, v.version, v.source, v.location, v.folder, v.run, v.run_link, v.logged_model, v.description,
  v.stage, v.digest, v.onnx, v.created_ms::text, v.updated_ms::text,
  (select coalesce(jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) order by t.key collate "C"), '[]')
     from version_tags t where t.model = v.model and t.version = v.version) as tags,
  (select coalesce(jsonb_agg(a.alias order by a.alias collate "C"), '[]')
     from aliases a where a.model = v.model and a.version = v.version) as aliases`;

/** Models with tags and aliases; the table is `m` in `rest`. */
export function selectModels(query: Query, rest: Rest): Promise<ModelRow[]> {
  return query.query<ModelRow>(`select ${MODEL} from models m ${rest.text}`, rest.values);
}

/** Versions with their files, deleted ones too unless `rest` says otherwise; the table is `v` in it. */
export function selectVersions(query: Query, rest: Rest): Promise<VersionRow[]> {
  return query.query<VersionRow>(
    `select ${VERSION}, v.files from versions v ${rest.text}`,
    rest.values,
  );
}

export function selectVersionHeads(query: Query, rest: Rest): Promise<VersionHead[]> {
  return query.query<VersionHead>(`select ${VERSION} from versions v ${rest.text}`, rest.values);
}

/** The newest live version of each stage of each of the models, oldest first. */
export function selectLatestVersions(
  query: Query,
  models: readonly string[],
): Promise<VersionHead[]> {
  return selectVersionHeads(query, {
    text: `where (v.model, v.version) in (
        select model, max(version) from versions where model = any($1::text[]) and not is_deleted group by model, stage)
      order by v.model, v.version`,
    values: [models],
  });
}
