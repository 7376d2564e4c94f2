import { AppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { registry } from '@flywheel/contracts';
import type { EventData } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { recordAudit } from '../audit.ts';
import type { ArtifactFolder } from './artifact-folder.ts';
import { describeVersion } from './describe-version.ts';
import { selectModels, selectVersions } from './model-rows.ts';
import type { ModelRow, Query, Tag, VersionRow } from './model-rows.ts';

export type NewVersion = {
  model: string;
  source: string;
  run: string | undefined;
  runLink?: string | undefined;
  loggedModel?: string | undefined;
  description: string | undefined;
  tags: readonly Tag[];
  folder: ArtifactFolder;
};
type Change = EventData<typeof registry.modelVersionChanged>['change'];

/** Models, their numbered versions, aliases and tags. Everything that changes is an event and an audit entry. */
export class ModelStore {
  readonly sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const result = await this.sql.transaction(work);
    this.#outbox.wake();
    return result;
  }

  async findModel(name: string, query: Query = this.sql): Promise<ModelRow | undefined> {
    return (await selectModels(query, { text: 'where m.name = $1', values: [name] }))[0];
  }

  /** Whether the model is there; if so, nobody else changes it before the transaction ends. */
  async lockModel(tx: SqlTransaction, name: string): Promise<boolean> {
    const rows = await tx.query('select 1 from models where name = $1 for update', [name]);
    return rows.length > 0;
  }

  /** A `conflict` if the name is taken. Where the name was used before, numbers go on from there. */
  async createModel(
    tx: SqlTransaction,
    model: { name: string; description: string | undefined; tags: readonly Tag[] },
  ): Promise<void> {
    const now = this.#clock.nowMs();
    await tx.query(
      `insert into models (name, description, created_ms, updated_ms, next_version) values ($1, $2, $3, $3,
         coalesce((select next_version from spent_numbers where name = $1), 1))`,
      [model.name, model.description ?? null, now],
    );
    for (const tag of model.tags) await setModelTag(tx, model.name, tag);
    await this.#audit(tx, 'create-model', model.name);
  }

  async setAlias(tx: SqlTransaction, name: string, alias: string, version: number): Promise<void> {
    await tx.query(
      'insert into aliases (model, alias, version) values ($1, $2, $3) on conflict (model, alias) do update set version = excluded.version',
      [name, alias, version],
    );
    await this.#touch(tx, name);
    await this.#audit(tx, 'set-alias', `${name}/${version}`, { alias });
    await this.#announce(tx, name, version, 'aliased');
  }

  async findVersion(
    name: string,
    version: number,
    query: Query = this.sql,
  ): Promise<VersionRow | undefined> {
    if (!Number.isInteger(version) || version < 1 || version > MAX_INT) return undefined;
    const rest = {
      text: 'where v.model = $1 and v.version = $2 and not v.is_deleted',
      values: [name, version],
    };
    return (await selectVersions(query, rest))[0];
  }

  /** Every version, for the list of our own API. */
  async allVersions(): Promise<VersionRow[]> {
    return selectVersions(this.sql, {
      text: 'where not v.is_deleted order by v.model, v.version desc',
      values: [],
    });
  }

  /** Takes the next number of the model, which is never given again; `undefined` if there is no such model. */
  async createVersion(tx: SqlTransaction, wanted: NewVersion): Promise<VersionRow | undefined> {
    const now = this.#clock.nowMs();
    const [taken] = await tx.query<{ version: number }>(
      'update models set next_version = next_version + 1, updated_ms = $2 where name = $1 returning next_version - 1 as version',
      [wanted.model, now],
    );
    if (!taken) return undefined;
    const { version } = taken;
    const { folder, files, digest, onnx } = wanted.folder;
    await tx.query(
      `insert into versions (model, version, source, folder, run, run_link, logged_model, description, digest, files,
         onnx, created_ms, updated_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
      [
        wanted.model,
        version,
        wanted.source,
        folder,
        wanted.run ?? null,
        wanted.runLink ?? null,
        wanted.loggedModel ?? null,
        wanted.description ?? null,
        digest,
        JSON.stringify(files),
        onnx,
        now,
      ],
    );
    for (const tag of wanted.tags) await setVersionTag(tx, wanted.model, version, tag);
    await this.#audit(tx, 'register-version', `${wanted.model}/${version}`, { digest });
    await this.#announce(tx, wanted.model, version, 'registered');
    return this.findVersion(wanted.model, version, tx);
  }

  async describeVersion(name: string, version: number): Promise<registry.ModelVersion> {
    const row = await this.findVersion(name, version);
    if (!row)
      throw new AppError('not_found', 'there is no such model version', {
        details: { model: name, version },
      });
    return describeVersion(row);
  }

  async #touch(tx: SqlTransaction, name: string): Promise<void> {
    await tx.query('update models set updated_ms = $2 where name = $1', [
      name,
      this.#clock.nowMs(),
    ]);
  }

  async #audit(
    tx: SqlTransaction,
    action: string,
    subject: string,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    await recordAudit({ outbox: this.#outbox, clock: this.#clock }, tx, {
      actor: 'api',
      action,
      subject,
      details,
    });
  }

  /** Tells the version's state as an event of the transaction. */
  async #announce(
    tx: SqlTransaction,
    name: string,
    version: number,
    change: Change,
  ): Promise<void> {
    const [row] = await selectVersions(tx, {
      text: 'where v.model = $1 and v.version = $2',
      values: [name, version],
    });
    if (row)
      await this.#outbox.add(tx, registry.modelVersionChanged, {
        change,
        version: describeVersion(row),
      });
  }
}

const MAX_INT = 2 ** 31 - 1;

async function setModelTag(tx: Query, name: string, { key, value }: Tag): Promise<void> {
  await tx.query(
    'insert into model_tags (model, key, value) values ($1, $2, $3) on conflict (model, key) do update set value = excluded.value',
    [name, key, value],
  );
}

async function setVersionTag(
  tx: Query,
  name: string,
  version: number,
  { key, value }: Tag,
): Promise<void> {
  await tx.query(
    'insert into version_tags (model, version, key, value) values ($1, $2, $3, $4) on conflict (model, version, key) do update set value = excluded.value',
    [name, version, key, value],
  );
}
