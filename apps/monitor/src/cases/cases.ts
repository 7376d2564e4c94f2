import type { monitor, router } from '@flywheel/contracts';
import type { SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';

type JoinedRow = {
  prediction: string;
  endpoint: string;
  at_ms: string;
  variant: string;
  model: string;
  version: number;
  score: number | null;
  record: string;
  label: number;
  revision: number;
  known_ms: string;
  reported: string;
};

const JOINED = `prediction, endpoint, at_ms::text, variant, model, version, score, record, label, revision, known_ms::text, reported`;

/**
 * Predictions and what came of them, joined by id in whatever order they come. Everything here may be repeated: a part
 * that is there already changes nothing, so that redelivery is harmless, and what a batch joins is told again.
 */
export class Cases {
  readonly #sql: Sql;
  /** Names of features by endpoint as they are stored, so that they are written only when they change. */
  readonly #featureNames = new Map<string, string>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Takes predictions; gives the outcomes of those whose feedback was there first, and of those that come again. */
  async addPredictions(
    endpoint: string,
    features: readonly string[],
    predictions: readonly router.Prediction[],
  ): Promise<monitor.Outcome[]> {
    const answered = firstOfEach(predictions.filter(({ status }) => status === 'answered'));
    if (answered.length === 0) return [];
    const names = JSON.stringify(features);
    const areKnown = this.#featureNames.get(endpoint) === names;
    const outcomes = await this.#sql.transaction(async (tx) => {
      await takeTurn(tx, endpoint);
      if (!areKnown)
        await tx.query(
          `insert into feature_names (endpoint, names) values ($1, $2) on conflict (endpoint) do update set names = excluded.names`,
          [endpoint, names],
        );
      const rows = await tx.query<JoinedRow & { was_early: boolean }>(
        `insert into cases (prediction, endpoint, at_ms, variant, model, version, score, model_ms, vector, record)
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::float8[], $8::float8[], $9::bytea[], $10::text[])
         on conflict (prediction) do update set endpoint = excluded.endpoint, at_ms = excluded.at_ms, variant = excluded.variant, model = excluded.model,
           version = excluded.version, score = excluded.score, model_ms = excluded.model_ms, vector = excluded.vector, record = excluded.record
         where cases.at_ms is null
         returning ${JOINED}, label is not null as was_early`,
        [
          answered.map((one) => one.id),
          answered.map(() => endpoint),
          answered.map((one) => one.atMs),
          answered.map((one) => one.variant),
          answered.map((one) => one.model),
          answered.map((one) => one.version),
          answered.map((one) => one.score),
          answered.map((one) => one.modelMs),
          answered.map((one) => packVector(one.vector)),
          answered.map((one) => JSON.stringify({ ...one.entities, ...one.requestFeatures })),
        ],
      );
      const early = rows.filter((row) => row.was_early);
      await count(tx, endpoint, {
        predictions: rows.length,
        labelled: early.length,
        early: -early.length,
      });
      if (rows.length === answered.length) return early.map(outcomeOf);
      const fresh = new Set(rows.map((row) => row.prediction));
      const repeated = answered.map((one) => one.id).filter((id) => !fresh.has(id));
      const joined = (await joinedOf(tx, repeated)).filter((row) => row.endpoint === endpoint);
      return [...early, ...joined].map(outcomeOf);
    });
    this.#featureNames.set(endpoint, names);
    return outcomes;
  }

  /** Takes feedback; a higher revision replaces the lower. Gives the outcomes of the batch that are joined. */
  async addFeedback(items: readonly router.Feedback[]): Promise<monitor.Outcome[]> {
    const newest = new Map<string, router.Feedback>();
    for (const item of items) {
      const known = newest.get(item.prediction);
      if (!known || known.revision < item.revision) newest.set(item.prediction, item);
    }
    const unique = [...newest.values()];
    const endpoint = unique[0]?.endpoint;
    if (endpoint === undefined) return [];
    return this.#sql.transaction(async (tx) => {
      await takeTurn(tx, endpoint);
      const ids = unique.map((item) => item.prediction);
      const before = new Map(
        (
          await tx.query<{ prediction: string; revision: number | null }>(
            'select prediction, revision from cases where prediction = any($1) for update',
            [ids],
          )
        ).map((row) => [row.prediction, row.revision]),
      );
      await tx.query(
        `insert into cases (prediction, endpoint, label, revision, known_ms, reported)
         select * from unnest($1::text[], $2::text[], $3::float8[], $4::int[], $5::bigint[], $6::text[])
         on conflict (prediction) do update set label = excluded.label, revision = excluded.revision, known_ms = excluded.known_ms, reported = excluded.reported
         where cases.revision is null or cases.revision < excluded.revision`,
        [
          ids,
          unique.map((item) => item.endpoint),
          unique.map((item) => item.label),
          unique.map((item) => item.revision),
          unique.map((item) => Date.parse(item.knownAt)),
          unique.map((item) => JSON.stringify(item.values)),
        ],
      );
      const joined = await joinedOf(tx, ids);
      const isFirst = (id: string) => (before.get(id) ?? null) === null;
      const labelled = joined.filter((row) => isFirst(row.prediction)).length;
      const early = ids.filter(isFirst).length - labelled;
      const duplicates = repetitions(items, before);
      await count(tx, endpoint, { labelled, early, duplicates });
      return joined.map(outcomeOf);
    });
  }

  async addShadows(
    endpoint: string,
    predictions: readonly router.ShadowPrediction[],
  ): Promise<void> {
    const ran = predictions.filter((one) => one.status === 'answered' || one.status === 'failed');
    if (ran.length === 0) return;
    await this.#sql.transaction(async (tx) => {
      const rows = await tx.query<{ variant: string; status: string }>(
        `insert into shadow_scores (prediction, variant, endpoint, model, version, at_ms, status, score, model_ms)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::float8[], $9::float8[])
         on conflict do nothing returning variant, status`,
        [
          ran.map((one) => one.prediction),
          ran.map((one) => one.variant),
          ran.map(() => endpoint),
          ran.map((one) => one.model),
          ran.map((one) => one.version),
          ran.map((one) => one.atMs),
          ran.map((one) => one.status),
          ran.map((one) => one.score),
          ran.map((one) => one.modelMs),
        ],
      );
      const answered = new Map<string, number>();
      for (const row of rows)
        if (row.status === 'answered')
          answered.set(row.variant, (answered.get(row.variant) ?? 0) + 1);
      // In one order for all, so that two batches never wait for one another.
      for (const [variant, added] of [...answered].sort(byName))
        await tx.query(
          `insert into shadow_counts (endpoint, variant, answered) values ($1, $2, $3) on conflict (endpoint, variant) do update set answered = shadow_counts.answered + excluded.answered`,
          [endpoint, variant, added],
        );
    });
  }

  async counts(endpoint: string): Promise<{
    predictions: number;
    labelled: number;
    pending: number;
    early: number;
    duplicates: number;
    shadows: Record<string, number>;
  }> {
    const [row] = await this.#sql.query<
      Record<'predictions' | 'labelled' | 'early' | 'duplicates', number>
    >(
      'select predictions::int, labelled::int, early::int, duplicates::int from join_counts where endpoint = $1',
      [endpoint],
    );
    const shadows = await this.#sql.query<{ variant: string; answered: number }>(
      'select variant, answered::int from shadow_counts where endpoint = $1',
      [endpoint],
    );
    const { predictions = 0, labelled = 0, early = 0, duplicates = 0 } = row ?? {};
    return {
      predictions,
      labelled,
      pending: predictions - labelled,
      early,
      duplicates,
      shadows: Object.fromEntries(shadows.map((one) => [one.variant, one.answered])),
    };
  }
}

/** A caller may give the same id twice: the first prediction stands. */
function firstOfEach(predictions: readonly router.Prediction[]): router.Prediction[] {
  const seen = new Set<string>();
  return predictions.filter(({ id }) => !seen.has(id) && seen.add(id));
}

/** Batches of one endpoint touch the same cases in orders of their own: one after the other they count right and never deadlock. */
async function takeTurn(tx: SqlTransaction, endpoint: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`cases/${endpoint}`]);
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

async function joinedOf(tx: SqlTransaction, ids: readonly string[]): Promise<JoinedRow[]> {
  return tx.query<JoinedRow>(
    `select ${JOINED} from cases where prediction = any($1) and at_ms is not null and label is not null`,
    [ids],
  );
}

/** Items that changed nothing, taken one after the other: their revision, or a higher one, was there already. */
function repetitions(
  items: readonly router.Feedback[],
  before: ReadonlyMap<string, number | null>,
): number {
  const highest = new Map(before);
  let repeated = 0;
  for (const { prediction, revision } of items)
    if (revision <= (highest.get(prediction) ?? -1)) repeated++;
    else highest.set(prediction, revision);
  return repeated;
}

async function count(
  tx: SqlTransaction,
  endpoint: string,
  added: { predictions?: number; labelled?: number; early?: number; duplicates?: number },
): Promise<void> {
  await tx.query(
    `insert into join_counts (endpoint, predictions, labelled, early, duplicates) values ($1, $2, $3, $4, $5)
     on conflict (endpoint) do update set predictions = join_counts.predictions + excluded.predictions, labelled = join_counts.labelled + excluded.labelled,
       early = join_counts.early + excluded.early, duplicates = join_counts.duplicates + excluded.duplicates`,
    [
      endpoint,
      added.predictions ?? 0,
      added.labelled ?? 0,
      added.early ?? 0,
      added.duplicates ?? 0,
    ],
  );
}

function outcomeOf(row: JoinedRow): monitor.Outcome {
  const knownAtMs = Number(row.known_ms);
  return {
    prediction: row.prediction,
    endpoint: row.endpoint,
    variant: row.variant,
    model: row.model,
    version: row.version,
    atMs: Number(row.at_ms),
    knownAtMs,
    score: row.score,
    label: row.label,
    revision: row.revision,
    record: {
      ...(JSON.parse(row.record) as monitor.Outcome['record']), // written by us
      ...(JSON.parse(row.reported) as monitor.Outcome['record']),
      known_at: new Date(knownAtMs).toISOString(),
    },
  };
}

/** Eight bytes a value, NaN where it is missing. */
export function packVector(vector: readonly (number | null)[]): Buffer {
  return Buffer.from(Float64Array.from(vector, (value) => value ?? Number.NaN).buffer);
}

export function unpackVector(bytes: Uint8Array): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer);
}
