import type { monitor, router } from '@flywheel/contracts';
import type { ReceivedEvent } from '@flywheel/kafka';
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

export type ReceivedFeedback = Pick<
  ReceivedEvent<router.Feedback>,
  'data' | 'partition' | 'offset'
>;

const JOINED = `prediction, endpoint, at_ms::text, variant, model, version, score, record, label, revision, known_ms::text, reported`;

/**
 * Predictions and what came of them, joined by id in whatever order they come. Everything here may be repeated: a part
 * that is there already changes nothing, so that redelivery is harmless, and what a batch joins is told again.
 *
 * A batch is one statement, so that nobody waits while it travels; rows are taken in the order of their ids, so that
 * batches never deadlock.
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
    await this.#nameFeatures(endpoint, JSON.stringify(features));
    const joined = await this.#sql.query<JoinedRow>(
      `with answered as (
         select * from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::float8[], $8::float8[], $9::bytea[], $10::text[])
           as answered(prediction, at_ms, variant, model, version, score, model_ms, vector, record)
       ), added as (
         insert into cases (prediction, endpoint, at_ms, variant, model, version, score, model_ms, vector, record)
         select prediction, $1, at_ms, variant, model, version, score, model_ms, vector, record from answered order by prediction
         on conflict (prediction) do update set endpoint = excluded.endpoint, at_ms = excluded.at_ms, variant = excluded.variant, model = excluded.model,
           version = excluded.version, score = excluded.score, model_ms = excluded.model_ms, vector = excluded.vector, record = excluded.record
         where cases.at_ms is null
         returning *
       ), counted as (
         insert into join_counts (endpoint, predictions, labelled, early)
         select $1, count(*), count(label), -count(label) from added
         on conflict (endpoint) do update set predictions = join_counts.predictions + excluded.predictions,
           labelled = join_counts.labelled + excluded.labelled, early = join_counts.early + excluded.early
       )
       select ${JOINED} from added where label is not null
       union all
       select ${JOINED} from cases where prediction = any($2) and endpoint = $1 and at_ms is not null and label is not null
         and prediction not in (select prediction from added)`,
      [
        endpoint,
        answered.map((one) => one.id),
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
    return joined.map(outcomeOf);
  }

  /**
   * Takes feedback of one endpoint from one partition; a higher revision replaces the lower. Gives the outcomes of the
   * batch that are joined. Items that changed nothing, taken one after the other, are counted as duplicates; the same
   * item delivered again is none.
   */
  async addFeedback(events: readonly ReceivedFeedback[]): Promise<monitor.Outcome[]> {
    const [first] = events;
    if (!first) return [];
    const items = events.map(({ data }) => data);
    const joined = await this.#sql.query<JoinedRow>(
      `with item as (
         select * from unnest($2::text[], $3::float8[], $4::int[], $5::bigint[], $6::text[], $7::bigint[])
           as item(prediction, label, revision, known_ms, reported, place)
       ), newest as (
         select distinct on (prediction) * from item order by prediction, revision desc, place
       ), changed as (
         insert into cases (prediction, endpoint, label, revision, known_ms, reported)
         select prediction, $1, label, revision, known_ms, reported from newest order by prediction
         on conflict (prediction) do update set label = excluded.label, revision = excluded.revision, replaced_revision = cases.revision,
           known_ms = excluded.known_ms, reported = excluded.reported
         where cases.revision is null or cases.revision < excluded.revision
         returning *
       ), read as (
         select coalesce(max(next_offset), 0) as until from feedback_read where endpoint = $1 and partition = $8
       ), moved as (
         insert into feedback_read (endpoint, partition, next_offset) select $1, $8, max(place) + 1 from item
         on conflict (endpoint, partition) do update set next_offset = greatest(feedback_read.next_offset, excluded.next_offset)
       ), told as (
         select prediction, revision, place, max(revision) over (partition by prediction order by place rows between unbounded preceding and 1 preceding) as earlier
         from item
       ), repeated as (
         select count(*) as items from told left join changed using (prediction)
         where place >= (select until from read)
           and (changed.prediction is null or told.revision <= greatest(told.earlier, changed.replaced_revision))
       ), counted as (
         insert into join_counts (endpoint, labelled, early, duplicates)
         select $1, count(*) filter (where replaced_revision is null and at_ms is not null),
           count(*) filter (where replaced_revision is null and at_ms is null), (select items from repeated)
         from changed
         on conflict (endpoint) do update set labelled = join_counts.labelled + excluded.labelled,
           early = join_counts.early + excluded.early, duplicates = join_counts.duplicates + excluded.duplicates
       )
       select ${JOINED} from changed where at_ms is not null
       union all
       select ${JOINED} from cases where prediction = any($2) and at_ms is not null and label is not null
         and prediction not in (select prediction from changed)`,
      [
        first.data.endpoint,
        items.map((item) => item.prediction),
        items.map((item) => item.label),
        items.map((item) => item.revision),
        items.map((item) => Date.parse(item.knownAt)),
        items.map((item) => JSON.stringify(item.values)),
        events.map(({ offset }) => offset),
        first.partition,
      ],
    );
    return joined.map(outcomeOf);
  }

  async addShadows(
    endpoint: string,
    predictions: readonly router.ShadowPrediction[],
  ): Promise<void> {
    const ran = predictions.filter((one) => one.status === 'answered' || one.status === 'failed');
    if (ran.length === 0) return;
    await this.#sql.query(
      `with ran as (
         select * from unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::float8[], $9::float8[])
           as ran(prediction, variant, model, version, at_ms, status, score, model_ms)
       ), added as (
         insert into shadow_scores (prediction, variant, endpoint, model, version, at_ms, status, score, model_ms)
         select prediction, variant, $1, model, version, at_ms, status, score, model_ms from ran order by prediction, variant
         on conflict do nothing
         returning variant, status
       )
       insert into shadow_counts (endpoint, variant, answered)
       select $1, variant, count(*) from added where status = 'answered' group by variant order by variant
       on conflict (endpoint, variant) do update set answered = shadow_counts.answered + excluded.answered`,
      [
        endpoint,
        ran.map((one) => one.prediction),
        ran.map((one) => one.variant),
        ran.map((one) => one.model),
        ran.map((one) => one.version),
        ran.map((one) => one.atMs),
        ran.map((one) => one.status),
        ran.map((one) => one.score),
        ran.map((one) => one.modelMs),
      ],
    );
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

  async #nameFeatures(endpoint: string, names: string): Promise<void> {
    if (this.#featureNames.get(endpoint) === names) return;
    await this.#sql.query(
      'insert into feature_names (endpoint, names) values ($1, $2) on conflict (endpoint) do update set names = excluded.names',
      [endpoint, names],
    );
    this.#featureNames.set(endpoint, names);
  }
}

/** A caller may give the same id twice: the first prediction stands. */
function firstOfEach(predictions: readonly router.Prediction[]): router.Prediction[] {
  const seen = new Set<string>();
  return predictions.filter(({ id }) => !seen.has(id) && seen.add(id));
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
