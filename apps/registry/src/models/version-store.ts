import type { SqlTransaction } from '@flywheel/kafka';
import type { ArtifactFolder } from './artifact-folder.ts';
import type { ChangeLog } from './change-log.ts';
import { selectVersions } from './model-rows.ts';
import type { Stage, Tag, VersionRow } from './model-rows.ts';
import { refuseServed } from './served-versions.ts';

type NewVersion = {
  model: string;
  source: string;
  location: string;
  run: string | undefined;
  runLink: string | undefined;
  loggedModel: string | undefined;
  description: string | undefined;
  tags: readonly Tag[];
  folder: ArtifactFolder;
};

/** The numbered versions of models. What they are made of never changes; description, stage and tags may. */
export class VersionStore {
  readonly #log: ChangeLog;

  constructor(log: ChangeLog) {
    this.#log = log;
  }

  /** Takes the next number of the model, which is never given again; `undefined` if there is no such model. */
  async create(tx: SqlTransaction, wanted: NewVersion): Promise<VersionRow | undefined> {
    const { model } = wanted;
    const now = this.#log.nowMs();
    const [taken] = await tx.query<{ version: number }>(
      'update models set next_version = next_version + 1, updated_ms = $2 where name = $1 returning next_version - 1 as version',
      [model, now],
    );
    if (!taken) return undefined;
    const { version } = taken;
    await insertVersion(tx, wanted, version, now);
    for (const tag of wanted.tags) await putTag(tx, model, version, tag);
    const { digest } = wanted.folder;
    await this.#log.audit(tx, 'register-version', `${model}/${version}`, { digest });
    const text = 'where v.model = $1 and v.version = $2';
    const [row] = await selectVersions(tx, { text, values: [model, version] });
    if (row) await this.#log.announceRow(tx, row, 'registered');
    return row;
  }

  async changeDescription(
    tx: SqlTransaction,
    { model, version }: VersionRow,
    description: string,
  ): Promise<void> {
    await tx.query(
      'update versions set description = $3, updated_ms = $4 where model = $1 and version = $2',
      [model, version, description, this.#log.nowMs()],
    );
    await this.#log.audit(tx, 'describe-version', `${model}/${version}`);
  }

  /** With `archiveOthers`, whatever else was in the stage is archived by the same change. */
  async moveToStage(
    tx: SqlTransaction,
    { model, version }: VersionRow,
    stage: Stage,
    { archiveOthers }: { archiveOthers: boolean },
  ): Promise<void> {
    const now = this.#log.nowMs();
    const archived = archiveOthers
      ? await tx.query<{ version: number }>(
          `update versions set stage = 'Archived', updated_ms = $4
           where model = $1 and version <> $2 and stage = $3 and not is_deleted returning version`,
          [model, version, stage, now],
        )
      : [];
    await tx.query(
      'update versions set stage = $3, updated_ms = $4 where model = $1 and version = $2',
      [model, version, stage, now],
    );
    await tx.query('update models set updated_ms = $2 where name = $1', [model, now]);
    const numbers = archived.map((row) => row.version);
    const details = { stage, archived: numbers };
    await this.#log.audit(tx, 'move-version-to-stage', `${model}/${version}`, details);
    await this.#log.announce(tx, model, [...numbers, version], 'staged');
  }

  /** The number stays spent and its aliases go. A `conflict` if an endpoint serves it. */
  async delete(tx: SqlTransaction, row: VersionRow): Promise<void> {
    const { model, version } = row;
    await refuseServed(tx, { model, version });
    const now = this.#log.nowMs();
    await tx.query('delete from aliases where model = $1 and version = $2', [model, version]);
    await tx.query(
      'update versions set is_deleted = true, updated_ms = $3 where model = $1 and version = $2',
      [model, version, now],
    );
    await tx.query('update models set updated_ms = $2 where name = $1', [model, now]);
    const { aliases } = row;
    await this.#log.audit(tx, 'delete-version', `${model}/${version}`, { aliases });
    await this.#log.announceRow(tx, { ...row, aliases: [] }, 'deleted');
  }

  async setTag(tx: SqlTransaction, { model, version }: VersionRow, tag: Tag): Promise<void> {
    await putTag(tx, model, version, tag);
    await this.#log.audit(tx, 'set-version-tag', `${model}/${version}`, { key: tag.key });
    await this.#log.announce(tx, model, [version], 'tagged');
  }

  async deleteTag(tx: SqlTransaction, { model, version }: VersionRow, key: string): Promise<void> {
    const deleted = await tx.query(
      'delete from version_tags where model = $1 and version = $2 and key = $3 returning key',
      [model, version, key],
    );
    if (deleted.length === 0) return;
    await this.#log.audit(tx, 'delete-version-tag', `${model}/${version}`, { key });
    await this.#log.announce(tx, model, [version], 'tagged');
  }
}

async function insertVersion(
  tx: SqlTransaction,
  wanted: NewVersion,
  version: number,
  nowMs: number,
): Promise<void> {
  const { folder, files, digest, onnx } = wanted.folder;
  await tx.query(
    `insert into versions (model, version, source, location, run, run_link, logged_model, description, folder, digest,
       files, onnx, created_ms, updated_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
    [
      wanted.model,
      version,
      wanted.source,
      wanted.location,
      wanted.run ?? null,
      wanted.runLink ?? null,
      wanted.loggedModel ?? null,
      wanted.description ?? null,
      folder,
      digest,
      JSON.stringify(files),
      onnx,
      nowMs,
    ],
  );
}

async function putTag(
  tx: SqlTransaction,
  model: string,
  version: number,
  { key, value }: Tag,
): Promise<void> {
  await tx.query(
    'insert into version_tags (model, version, key, value) values ($1, $2, $3, $4) on conflict (model, version, key) do update set value = excluded.value',
    [model, version, key, value],
  );
}
