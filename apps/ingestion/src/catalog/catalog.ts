import { AppError, sha256 } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { ingestion } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import type { CommitLog, LakeFile } from '../lake/commit-log.ts';
import type { LakeWriter } from '../lake/lake-writer.ts';
import { uniteColumns } from '../lake/observed-schema.ts';

type DatasetRow = {
  name: string;
  description: string;
  owner: string;
  tags: string[];
  key_columns: string[];
  created_at: Date | string;
  updated_at: Date | string;
};

type Parts = { sql: Sql; outbox: Outbox; commits: CommitLog; lake: LakeWriter; clock: Clock };

/** Datasets found and described. What the lake holds of them is read from its commits. */
export class Catalog {
  readonly #parts: Parts;
  readonly #keyColumns = new Map<string, readonly string[]>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes the dataset if it is new; gives its key columns (those of the first request stand). */
  async ensure(
    name: string,
    options: { keyColumns?: readonly string[]; owner?: string },
  ): Promise<readonly string[]> {
    const known = this.#keyColumns.get(name);
    if (known) return known;
    const keyColumns = await this.#parts.sql.transaction(async (tx) => {
      const made = await tx.query(
        'insert into datasets (name, key_columns, owner) values ($1, $2, $3) on conflict do nothing returning name',
        [name, JSON.stringify(options.keyColumns ?? []), options.owner ?? ''],
      );
      const row = await find(tx, name);
      if (made.length > 0)
        await this.#parts.outbox.add(tx, ingestion.datasetDescribed, this.#describe(row));
      return row.key_columns;
    });
    this.#parts.outbox.wake();
    this.#keyColumns.set(name, keyColumns);
    return keyColumns;
  }

  async list(search: string | undefined): Promise<ingestion.Dataset[]> {
    const rows = await this.#parts.sql.query<DatasetRow>(
      `select * from datasets where $1::text is null or position(lower($1) in lower(name || ' ' || description || ' ' || owner || ' ' || tags::text)) > 0 order by name`,
      [search ?? null],
    );
    return rows.map((row) => this.#describe(row));
  }

  async get(name: string): Promise<ingestion.Dataset> {
    return this.#describe(await find(this.#parts.sql, name));
  }

  async describe(
    name: string,
    change: {
      description?: string | undefined;
      owner?: string | undefined;
      tags?: string[] | undefined;
    },
  ): Promise<ingestion.Dataset> {
    const dataset = await this.#parts.sql.transaction(async (tx) => {
      await find(tx, name);
      await tx.query(
        `update datasets set description = coalesce($2, description), owner = coalesce($3, owner), tags = coalesce($4, tags), updated_at = now() where name = $1`,
        [
          name,
          change.description ?? null,
          change.owner ?? null,
          change.tags ? JSON.stringify(change.tags) : null,
        ],
      );
      const described = this.#describe(await find(tx, name));
      await this.#parts.outbox.add(tx, ingestion.datasetDescribed, described);
      return described;
    });
    this.#parts.outbox.wake();
    return dataset;
  }

  /** The lake moved on: says so for every dataset that got files. */
  async lakeMoved(datasets: ReadonlySet<string>): Promise<void> {
    for (const name of datasets) {
      await this.#parts.sql.transaction(async (tx) => {
        await tx.query('update datasets set updated_at = now() where name = $1', [name]);
        await this.#parts.outbox.add(
          tx,
          ingestion.datasetDescribed,
          this.#describe(await find(tx, name)),
        );
      });
    }
    this.#parts.outbox.wake();
  }

  /** Pins the files that the lake holds now. The same files are the same snapshot. */
  async createSnapshot(name: string): Promise<ingestion.Snapshot> {
    await find(this.#parts.sql, name);
    const files = this.filesOf(name);
    const digest = sha256(files.map((file) => file.sha256).join('\n'));
    const snapshot: ingestion.Snapshot = {
      id: `${name}@${digest.slice(0, 16)}`,
      dataset: name,
      createdAt: new Date(this.#parts.clock.nowMs()).toISOString(),
      sequence: this.#parts.commits.state.sequence,
      records: files.reduce((records, file) => records + file.records, 0),
      columns: uniteColumns(files.map((file) => file.columns)),
      digest,
      files: files.map((file) => ({
        objectKey: `ingestion/${file.key}`,
        sizeBytes: file.sizeBytes,
        sha256: file.sha256,
        records: file.records,
      })),
    };
    const stored = await this.#parts.sql.transaction(async (tx) => {
      const made = await tx.query(
        'insert into snapshots (id, dataset, snapshot) values ($1, $2, $3) on conflict do nothing returning id',
        [snapshot.id, name, JSON.stringify(snapshot)],
      );
      if (made.length > 0) await this.#parts.outbox.add(tx, ingestion.snapshotCreated, snapshot);
      const [row] = await tx.query<{ snapshot: unknown }>(
        'select snapshot from snapshots where id = $1',
        [snapshot.id],
      );
      return ingestion.snapshot.parse(row?.snapshot);
    });
    this.#parts.outbox.wake();
    return stored;
  }

  async snapshot(id: string): Promise<ingestion.Snapshot> {
    const [row] = await this.#parts.sql.query<{ snapshot: unknown }>(
      'select snapshot from snapshots where id = $1',
      [id],
    );
    if (!row)
      throw new AppError('not_found', 'there is no such snapshot', { details: { snapshot: id } });
    return ingestion.snapshot.parse(row.snapshot);
  }

  filesOf(name: string): LakeFile[] {
    return this.#parts.commits.state.files.filter((file) => file.dataset === name);
  }

  #describe(row: DatasetRow): ingestion.Dataset {
    const files = this.filesOf(row.name);
    return {
      name: row.name,
      description: row.description,
      owner: row.owner,
      tags: row.tags,
      key: row.key_columns,
      createdAt: new Date(row.created_at).toISOString(),
      updatedAt: new Date(row.updated_at).toISOString(),
      columns: uniteColumns(files.map((file) => file.columns)),
      records: this.#parts.lake.records(row.name),
      lake: {
        records: files.reduce((records, file) => records + file.records, 0),
        files: files.length,
        sizeBytes: files.reduce((size, file) => size + file.sizeBytes, 0),
        sequence: this.#parts.commits.state.sequence,
      },
    };
  }
}

async function find(tx: SqlTransaction, name: string): Promise<DatasetRow> {
  const [row] = await tx.query<DatasetRow>('select * from datasets where name = $1', [name]);
  if (!row)
    throw new AppError('not_found', 'there is no such dataset', { details: { dataset: name } });
  return row;
}
