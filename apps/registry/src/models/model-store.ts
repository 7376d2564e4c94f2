import { AppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { mlflow, registry } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { recordAudit } from '../audit.ts';
import type { ArtifactFolder } from './artifact-folder.ts';

export type ModelRow = {
  name: string;
  description: string | null;
  created_ms: string;
  updated_ms: string;
};
export type VersionRow = {
  model: string;
  version: number;
  source: string;
  folder: string;
  run: string | null;
  description: string | null;
  stage: string;
  digest: string;
  files: { path: string; sizeBytes: number; sha256: string }[];
  onnx: string | null;
  created_ms: string;
  updated_ms: string;
};
export type Tag = { key: string; value: string };
type Query = Pick<SqlTransaction, 'query'>;

const MODEL = 'name, description, created_ms::text, updated_ms::text';
const VERSION =
  'model, version, source, folder, run, description, stage, digest, files, onnx, created_ms::text, updated_ms::text';

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

  audit(
    tx: SqlTransaction,
    entry: { actor: string; action: string; subject: string; details?: Record<string, unknown> },
  ): Promise<void> {
    return recordAudit({ outbox: this.#outbox, clock: this.#clock }, tx, entry);
  }

  async findModel(name: string, tx: Query = this.sql): Promise<ModelRow | undefined> {
    return (await tx.query<ModelRow>(`select ${MODEL} from models where name = $1`, [name]))[0];
  }

  async createModel(
    tx: SqlTransaction,
    name: string,
    description: string | undefined,
    tags: readonly Tag[],
  ): Promise<void> {
    const now = this.#clock.nowMs();
    await tx.query(
      'insert into models (name, description, created_ms, updated_ms) values ($1, $2, $3, $3)',
      [name, description ?? null, now],
    );
    for (const tag of tags) await this.setModelTag(tx, name, tag);
    await this.audit(tx, { actor: 'api', action: 'create-model', subject: name });
  }

  async touch(tx: SqlTransaction, name: string): Promise<void> {
    await tx.query('update models set updated_ms = $2 where name = $1', [
      name,
      this.#clock.nowMs(),
    ]);
  }

  async setModelTag(tx: Query, name: string, { key, value }: Tag): Promise<void> {
    await tx.query(
      'insert into model_tags (model, key, value) values ($1, $2, $3) on conflict (model, key) do update set value = excluded.value',
      [name, key, value],
    );
  }

  async modelTags(name: string, tx: Query = this.sql): Promise<Tag[]> {
    return tx.query<Tag>('select key, value from model_tags where model = $1 order by key', [name]);
  }

  async aliases(name: string, tx: Query = this.sql): Promise<{ alias: string; version: number }[]> {
    return tx.query('select alias, version from aliases where model = $1 order by alias', [name]);
  }

  async setAlias(tx: SqlTransaction, name: string, alias: string, version: number): Promise<void> {
    await tx.query(
      'insert into aliases (model, alias, version) values ($1, $2, $3) on conflict (model, alias) do update set version = excluded.version',
      [name, alias, version],
    );
    await this.touch(tx, name);
    await this.audit(tx, {
      actor: 'api',
      action: 'set-alias',
      subject: `${name}/${version}`,
      details: { alias },
    });
    await this.announce(tx, name, version, 'aliased');
  }

  async findVersion(
    name: string,
    version: number,
    tx: Query = this.sql,
  ): Promise<VersionRow | undefined> {
    return (
      await tx.query<VersionRow>(
        `select ${VERSION} from versions where model = $1 and version = $2 and not is_deleted`,
        [name, version],
      )
    )[0];
  }

  async versions(name: string, tx: Query = this.sql): Promise<VersionRow[]> {
    return tx.query<VersionRow>(
      `select ${VERSION} from versions where model = $1 and not is_deleted order by version desc`,
      [name],
    );
  }

  async allVersions(): Promise<VersionRow[]> {
    return this.sql.query<VersionRow>(
      `select ${VERSION} from versions where not is_deleted order by model, version desc`,
    );
  }

  async versionTags(name: string, version: number, tx: Query = this.sql): Promise<Tag[]> {
    return tx.query<Tag>(
      'select key, value from version_tags where model = $1 and version = $2 order by key',
      [name, version],
    );
  }

  async setVersionTag(
    tx: SqlTransaction,
    name: string,
    version: number,
    { key, value }: Tag,
  ): Promise<void> {
    await tx.query(
      'insert into version_tags (model, version, key, value) values ($1, $2, $3, $4) on conflict (model, version, key) do update set value = excluded.value',
      [name, version, key, value],
    );
  }

  /** Takes the next number of the model; the number is never given again. */
  async createVersion(
    tx: SqlTransaction,
    request: {
      model: string;
      source: string;
      run: string | undefined;
      description: string | undefined;
      tags: readonly Tag[];
      folder: ArtifactFolder;
    },
  ): Promise<VersionRow> {
    const now = this.#clock.nowMs();
    const [taken] = await tx.query<{ version: number }>(
      'update models set next_version = next_version + 1, updated_ms = $2 where name = $1 returning next_version - 1 as version',
      [request.model, now],
    );
    if (!taken)
      throw new AppError('not_found', 'there is no such model', {
        details: { model: request.model },
      });
    const { folder, files, digest, onnx } = request.folder;
    const [row] = await tx.query<VersionRow>(
      `insert into versions (model, version, source, folder, run, description, digest, files, onnx, created_ms, updated_ms)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) returning ${VERSION}`,
      [
        request.model,
        taken.version,
        request.source,
        folder,
        request.run ?? null,
        request.description ?? null,
        digest,
        JSON.stringify(files),
        onnx,
        now,
      ],
    );
    if (!row) throw new Error('the version was not stored');
    for (const tag of request.tags) await this.setVersionTag(tx, request.model, taken.version, tag);
    await this.audit(tx, {
      actor: 'api',
      action: 'register-version',
      subject: `${request.model}/${taken.version}`,
      details: { digest },
    });
    await this.announce(tx, request.model, taken.version, 'registered');
    return row;
  }

  /** Tells the version's state as an event of the transaction. */
  async announce(
    tx: SqlTransaction,
    name: string,
    version: number,
    change: 'registered' | 'aliased' | 'tagged' | 'staged' | 'deleted',
  ): Promise<void> {
    const [row] = await tx.query<VersionRow>(
      `select ${VERSION} from versions where model = $1 and version = $2`,
      [name, version],
    );
    if (row)
      await this.#outbox.add(tx, registry.modelVersionChanged, {
        change,
        version: await this.describe(row, tx),
      });
  }

  /** A version in our own words, with digests and lineage. */
  async describe(row: VersionRow, tx: Query = this.sql): Promise<registry.ModelVersion> {
    const tags = Object.fromEntries(
      (await this.versionTags(row.model, row.version, tx)).map(({ key, value }) => [key, value]),
    );
    const lineage = (tag: string) => tags[tag] ?? null;
    return {
      model: row.model,
      version: row.version,
      digest: row.digest,
      files: row.files,
      folder: row.folder,
      onnx: row.onnx,
      run: row.run,
      createdAt: new Date(Number(row.created_ms)).toISOString(),
      aliases: (await this.aliases(row.model, tx))
        .filter((alias) => alias.version === row.version)
        .map(({ alias }) => alias),
      tags,
      lineage: {
        runKey: lineage(mlflow.lineageTags.runKey),
        snapshot: lineage(mlflow.lineageTags.snapshot),
        trainingSet: lineage(mlflow.lineageTags.trainingSet),
        commit: lineage(mlflow.lineageTags.commit),
      },
    };
  }

  async describeVersion(name: string, version: number): Promise<registry.ModelVersion> {
    const row = await this.findVersion(name, version);
    if (!row)
      throw new AppError('not_found', 'there is no such model version', {
        details: { model: name, version },
      });
    return this.describe(row);
  }
}
