import { canonicalJson, sha256 } from '@flywheel/core';
import { FrozenHistogram, quantileEdges } from '@flywheel/stats';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import { z } from 'zod';

const BINS = 20;
/** Rows that the edges are chosen from; all rows are counted. */
const EDGE_SAMPLE = 100_000;

const histogram = z.object({
  edges: z.array(z.number()),
  counts: z.array(z.number()),
  under: z.number(),
  over: z.number(),
  nulls: z.number(),
  nan: z.number(),
  negativeInfinity: z.number(),
  positiveInfinity: z.number(),
});

export const referenceProfile = z.object({
  trainingSet: z.string(),
  rows: z.number().int(),
  features: z.array(z.object({ name: z.string(), histogram })),
  falseAlarmsPerMonth: z.number(),
  minimumEffect: z.number(),
  maximumLossIncrease: z.number(),
});
export type ReferenceProfile = z.output<typeof referenceProfile>;

/** What the features looked like in training: edges at their quantiles and the counts between, frozen for good. */
export async function profileFeatures(
  analytics: Analytics,
  source: { file: string; features: readonly string[]; fromMs: number; toMs: number },
): Promise<{ rows: number; features: ReferenceProfile['features'] }> {
  const where = `prediction_time >= ${source.fromMs} and prediction_time < ${source.toMs}`;
  const from = `read_parquet(${sqlText(source.file)}) where ${where}`;
  const [counted] = await analytics.rows<{ n: number }>(
    `select count(*)::double as n from ${from}`,
  );
  const rows = counted?.n ?? 0;
  const features = [];
  for (const name of source.features) {
    const values = (
      await analytics.columns(
        `select ${sqlName(name)}::double as value from ${from} order by prediction_time`,
      )
    ).get('value');
    if (!(values instanceof Float64Array)) throw new Error(`feature ${name} is no number`);
    const stride = Math.max(1, Math.floor(values.length / EDGE_SAMPLE));
    const sample = values.filter((_, index) => index % stride === 0);
    const frozen = new FrozenHistogram(quantileEdges(sample, BINS));
    for (const value of values) frozen.add(Number.isNaN(value) ? null : value);
    features.push({ name, histogram: histogram.parse(JSON.parse(JSON.stringify(frozen))) });
  }
  return { rows, features };
}

export function profileDigest(profile: ReferenceProfile): string {
  return sha256(canonicalJson(profile));
}
