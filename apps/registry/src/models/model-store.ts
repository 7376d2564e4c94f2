import { AppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { ChangeLog } from './change-log.ts';
import { describeVersion } from './describe-version.ts';
import { selectModels, selectVersions } from './model-rows.ts';
import type { ModelRow, Query, Tag, VersionRow } from './model-rows.ts';
import { refuseServed } from './served-versions.ts';
import { VersionStore } from './version-store.ts';

const MAX_INT = 2 ** 31 - 1;

/**
 * Models with their tags and aliases. Whatever changes a model or a version of it holds the model's lock (`lockModel`),
 * so that changes of one model follow one another. Everything that changes is an audit entry and, where a version
 * looks different afterwards, an event.
 */
export class ModelStore {
  readonly sql: Sql;
  readonly versions: VersionStore;
  readonly #log: ChangeLog;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.sql = options.sql;
    this.#log = new ChangeLog(options);
    this.versions = new VersionStore(this.#log);
  }

  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    return this.#log.transaction(work);
  }

  async findModel(name: string, query: Query = this.sql): Promise<ModelRow | undefined> {
    return (await selectModels(query, { text: 'where m.name = $1', values: [name] }))[0];
  }

  /** Whether the model is there; if so, nobody else changes it before the transaction ends. */
  async lockModel(tx: SqlTransaction, name: string): Promise<boolean> {
    const rows = await tx.query('select 1 from models where name = $1 for update', [name]);
    return rows.length > 0;
  }

  /** Keeps the model as it is until the transaction ends; others may do the same at that time. */
  async holdModel(tx: SqlTransaction, name: string): Promise<void> {
    await tx.query('select 1 from models where name = $1 for share', [name]);
  }

  /** A `conflict` if the name is taken. Where the name was used before, numbers go on from there. */
  async createModel(
    tx: SqlTransaction,
    model: { name: string; description: string | undefined; tags: readonly Tag[] },
  ): Promise<void> {
    await tx.query(
      `insert into models (name, description, created_ms, updated_ms, next_version) values ($1, $2, $3, $3,
         coalesce((select next_version from spent_numbers where name = $1), 1))`,
      [model.name, model.description ?? null, this.#log.nowMs()],
    );
    for (const tag of model.tags) await this.#putTag(tx, model.name, tag);
    await this.#log.audit(tx, 'create-model', model.name);
  }

  async changeDescription(tx: SqlTransaction, name: string, description: string): Promise<void> {
    await tx.query('update models set description = $2, updated_ms = $3 where name = $1', [
      name,
      description,
      this.#log.nowMs(),
    ]);
    await this.#log.audit(tx, 'describe-model', name);
  }

  /** A `conflict` if the new name is taken or an endpoint serves a version under the old one. */
  async renameModel(tx: SqlTransaction, name: string, newName: string): Promise<void> {
    await refuseServed(tx, { model: name });
    const before = await this.#liveVersions(tx, name);
    for (const row of before) await this.#log.announceRow(tx, row, 'deleted');
    await this.#spendNumbers(tx, name);
    await tx.query(
      `update models set name = $2, updated_ms = $3, next_version = greatest(next_version,
         coalesce((select next_version from spent_numbers where name = $2), 1)) where name = $1`,
      [name, newName, this.#log.nowMs()],
    );
    await this.#log.audit(tx, 'rename-model', name, { newName });
    for (const row of await this.#liveVersions(tx, newName))
      await this.#log.announceRow(tx, row, 'registered');
  }

  /** Numbers stay spent: who takes the name later goes on counting. A `conflict` if an endpoint serves a version. */
  async deleteModel(tx: SqlTransaction, name: string): Promise<void> {
    await refuseServed(tx, { model: name });
    const rows = await this.#liveVersions(tx, name);
    await this.#spendNumbers(tx, name);
    await tx.query('delete from models where name = $1', [name]);
    await this.#log.audit(tx, 'delete-model', name, { versions: rows.map((row) => row.version) });
    for (const row of rows) await this.#log.announceRow(tx, { ...row, aliases: [] }, 'deleted');
  }

  async setModelTag(tx: SqlTransaction, name: string, tag: Tag): Promise<void> {
    await this.#putTag(tx, name, tag);
    await this.#log.audit(tx, 'set-model-tag', name, { key: tag.key });
  }

  async deleteModelTag(tx: SqlTransaction, name: string, key: string): Promise<void> {
    await tx.query('delete from model_tags where model = $1 and key = $2', [name, key]);
    await this.#log.audit(tx, 'delete-model-tag', name, { key });
  }

  /** Points the alias at the version, away from any other. */
  async setAlias(tx: SqlTransaction, name: string, alias: string, version: number): Promise<void> {
    const before = await this.#versionOf(tx, name, alias);
    await tx.query(
      'insert into aliases (model, alias, version) values ($1, $2, $3) on conflict (model, alias) do update set version = excluded.version',
      [name, alias, version],
    );
    await this.#touch(tx, name);
    await this.#log.audit(tx, 'set-alias', `${name}/${version}`, { alias });
    const changed = before === undefined ? [version] : [before, version];
    await this.#log.announce(tx, name, changed, 'aliased');
  }

  async deleteAlias(tx: SqlTransaction, name: string, alias: string): Promise<void> {
    const before = await this.#versionOf(tx, name, alias);
    if (before === undefined) return;
    await tx.query('delete from aliases where model = $1 and alias = $2', [name, alias]);
    await this.#touch(tx, name);
    await this.#log.audit(tx, 'delete-alias', `${name}/${before}`, { alias });
    await this.#log.announce(tx, name, [before], 'aliased');
  }

  async findVersion(
    name: string,
    version: number,
    query: Query = this.sql,
  ): Promise<VersionRow | undefined> {
    if (!Number.isInteger(version) || version < 1 || version > MAX_INT) return undefined;
    const text = 'where v.model = $1 and v.version = $2 and not v.is_deleted';
    return (await selectVersions(query, { text, values: [name, version] }))[0];
  }

  /** The highest number among the live versions. */
  async newestVersion(name: string): Promise<number | undefined> {
    const [row] = await this.sql.query<{ version: number | null }>(
      'select max(version) as version from versions where model = $1 and not is_deleted',
      [name],
    );
    return row?.version ?? undefined;
  }

  /** Every version, for the list of our own API. */
  async allVersions(): Promise<VersionRow[]> {
    const text = 'where not v.is_deleted order by v.model collate "C", v.version desc';
    return selectVersions(this.sql, { text, values: [] });
  }

  async describeVersion(name: string, version: number): Promise<registry.ModelVersion> {
    const row = await this.findVersion(name, version);
    if (!row)
      throw new AppError('not_found', 'there is no such model version', {
        details: { model: name, version },
      });
    return describeVersion(row);
  }

  #liveVersions(tx: SqlTransaction, name: string): Promise<VersionRow[]> {
    const text = 'where v.model = $1 and not v.is_deleted order by v.version';
    return selectVersions(tx, { text, values: [name] });
  }

  async #versionOf(tx: SqlTransaction, name: string, alias: string): Promise<number | undefined> {
    const [row] = await tx.query<{ version: number }>(
      'select version from aliases where model = $1 and alias = $2',
      [name, alias],
    );
    return row?.version;
  }

  async #putTag(tx: SqlTransaction, name: string, { key, value }: Tag): Promise<void> {
    await tx.query(
      'insert into model_tags (model, key, value) values ($1, $2, $3) on conflict (model, key) do update set value = excluded.value',
      [name, key, value],
    );
  }

  async #spendNumbers(tx: SqlTransaction, name: string): Promise<void> {
    await tx.query(
      `insert into spent_numbers (name, next_version) select name, next_version from models where name = $1
       on conflict (name) do update set next_version = greatest(spent_numbers.next_version, excluded.next_version)`,
      [name],
    );
  }

  async #touch(tx: SqlTransaction, name: string): Promise<void> {
    const now = this.#log.nowMs();
    await tx.query('update models set updated_ms = $2 where name = $1', [name, now]);
  }
}
