import type { monitor } from '@flywheel/contracts';
import { decideDrift, FrozenHistogram, logLossOf, Moments, ScoreLabelTable } from '@flywheel/stats';
import type { Sql } from '@flywheel/storage';
import { unpackVector } from '../cases/cases.ts';
import { scan } from '../cases/scan-cases.ts';
import { qualityOf } from '../comparing/quality-of.ts';
import type { ReferenceProfile } from './reference-profile.ts';

/** The window is checked once a day in a month of watching; the false-alarm budget is shared out over these. */
const CHECKS_PER_MONTH = 30;
const REFERENCE_DAYS_MS = 31 * 86_400_000;

type CaseRow = {
  at_ms: string;
  prediction: string;
  vector: Uint8Array;
  score: number | null;
  label: number | null;
};

export type Watched = {
  drift: monitor.DriftFinding[];
  quality: monitor.Report['quality'];
  /** Mean log-loss of the model in the window and in the month before it, with their standard errors. */
  loss: { window: Loss; before: Loss };
};
export type Loss = { rows: number; mean: number; standardError: number };

/** Drift of every feature against the reference, and quality pane by pane, of one model's answers in a window. */
export async function watchEndpoint(
  sql: Sql,
  question: {
    endpoint: string;
    model: string;
    version: number;
    features: readonly string[];
    profile: ReferenceProfile;
    fromMs: number;
    toMs: number;
    paneMs: number;
  },
): Promise<Watched> {
  const { endpoint, model, version, features, profile, fromMs, toMs, paneMs } = question;
  const current = profile.features.map((feature) => ({
    feature,
    place: features.indexOf(feature.name),
    histogram: new FrozenHistogram(feature.histogram.edges),
  }));
  const panes = new Map<number, { predictions: number; table: ScoreLabelTable }>();
  const losses = new Moments();
  for await (const rows of scan<CaseRow>(sql, {
    columns: 'vector, score, label',
    from: 'cases',
    where: 'endpoint = $1 and model = $2 and version = $3 and at_ms >= $4 and at_ms < $5',
    time: 'at_ms',
    id: 'prediction',
    values: [endpoint, model, version, fromMs, toMs],
  }))
    for (const row of rows) {
      const vector = unpackVector(row.vector);
      for (const { place, histogram } of current) {
        const value = vector[place];
        histogram.add(value === undefined || Number.isNaN(value) ? null : value);
      }
      const pane = Math.floor((Number(row.at_ms) - fromMs) / paneMs);
      const counted = panes.get(pane) ?? { predictions: 0, table: new ScoreLabelTable() };
      panes.set(pane, counted);
      counted.predictions++;
      if (row.score === null || row.label === null) continue;
      counted.table.add(row.score, row.label >= 0.5);
      losses.add(logLossOf(row.score, row.label >= 0.5));
    }
  const budget = {
    falseAlarmsPerMonth: profile.falseAlarmsPerMonth,
    featuresChecked: Math.max(1, current.length),
    checksPerMonth: CHECKS_PER_MONTH,
  };
  return {
    drift: current.map(({ feature, histogram }) =>
      finding(feature, histogram, budget, profile.minimumEffect),
    ),
    quality: [...panes]
      .sort(([left], [right]) => left - right)
      .map(([pane, { predictions, table }]) => ({
        from: new Date(fromMs + pane * paneMs).toISOString(),
        to: new Date(Math.min(toMs, fromMs + (pane + 1) * paneMs)).toISOString(),
        predictions,
        labelled: table.rows,
        quality: qualityOf(table),
      })),
    loss: {
      window: lossOf(losses),
      before: await lossBefore(sql, {
        endpoint,
        model,
        version,
        fromMs: fromMs - REFERENCE_DAYS_MS,
        toMs: fromMs,
      }),
    },
  };
}

function finding(
  feature: ReferenceProfile['features'][number],
  current: FrozenHistogram,
  budget: { falseAlarmsPerMonth: number; featuresChecked: number; checksPerMonth: number },
  minimumEffect: number,
): monitor.DriftFinding {
  const reference = FrozenHistogram.fromJSON(feature.histogram);
  const result = decideDrift({ reference, current, budget, minimumEffect });
  return {
    feature: feature.name,
    method: `debiased ${result.measure} and a chi-square test on frozen bins`,
    referenceRows: reference.total,
    currentRows: current.total,
    effect: result.effect ?? null,
    pValue: result.pValue ?? null,
    alpha: result.alpha,
    minimumEffect: result.minimumEffect,
    missingRatio: current.total === 0 ? 0 : current.nulls / current.total,
    referenceMissingRatio: reference.total === 0 ? 0 : reference.nulls / reference.total,
    verdict: result.verdict,
  };
}

/** The model's losses before the window, whether it answered or ran as a shadow. */
async function lossBefore(
  sql: Sql,
  {
    endpoint,
    model,
    version,
    fromMs,
    toMs,
  }: { endpoint: string; model: string; version: number; fromMs: number; toMs: number },
): Promise<Loss> {
  const losses = new Moments();
  const range = 'at_ms >= $4 and at_ms < $5';
  for await (const rows of scan<{
    at_ms: string;
    prediction: string;
    score: number;
    label: number;
  }>(sql, {
    columns: 'scored.score, scored.label',
    from: `(select c.prediction, c.at_ms, c.score, c.label from cases c where c.endpoint = $1 and c.model = $2 and c.version = $3 and c.${range}
            union all
            select s.prediction, s.at_ms, s.score, c.label from shadow_scores s join cases c on c.prediction = s.prediction
            where s.endpoint = $1 and s.model = $2 and s.version = $3 and s.${range.replace('and at_ms', 'and s.at_ms')}) scored`,
    where: 'scored.score is not null and scored.label is not null',
    time: 'scored.at_ms',
    id: 'scored.prediction',
    values: [endpoint, model, version, fromMs, toMs],
  }))
    for (const row of rows) losses.add(logLossOf(row.score, row.label >= 0.5));
  return lossOf(losses);
}

function lossOf(moments: Moments): Loss {
  const { count: rows, mean, variance } = momentsOf(moments);
  return {
    rows,
    mean,
    standardError: rows > 1 ? Math.sqrt(variance / rows) : Number.POSITIVE_INFINITY,
  };
}

function momentsOf(moments: Moments): { count: number; mean: number; variance: number } {
  return { count: moments.count, mean: moments.mean ?? 0, variance: moments.variance ?? 0 };
}
