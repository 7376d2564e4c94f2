import { AppError, invalid } from '@flywheel/core';
import { featureStore, monitor } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { Sql } from '@flywheel/storage';
import { championOf, compareVariants } from '../comparing/compare-variants.ts';
import type { Deployments } from '../comparing/deployments.ts';
import type { Reports } from '../comparing/reports.ts';
import type { MonitorMetrics } from '../metrics.ts';
import { signalsOf } from '../watching/alerts.ts';
import type { Alerts } from '../watching/alerts.ts';
import { profileDigest, profileFeatures } from '../watching/reference-profile.ts';
import type { References } from '../watching/references.ts';
import { watchEndpoint } from '../watching/watch-endpoint.ts';

export type ReportParts = {
  sql: Sql;
  deployments: Deployments;
  reports: Reports;
  alerts: Alerts;
  references: References;
  metrics: MonitorMetrics;
};

type Context = Pick<ServiceContext<unknown>, 'http' | 'peers' | 'publicObjects' | 'openAnalytics'>;

/** Comparisons, watches, and what came of them. */
export function reportRoutes(
  { http, peers, publicObjects, openAnalytics }: Context,
  parts: ReportParts,
): void {
  const { sql, deployments, reports, alerts, references, metrics } = parts;
  http.operation(monitor.putReference, async ({ params, body }) => {
    const set = await peers.call(featureStore.getTrainingSet, {
      params: { id: body.trainingSet },
      query: {},
    });
    if (!set.data || !set.features)
      throw invalid('trainingSet', 'must be a training set that is finished');
    const file = await publicObjects.localFile(set.data.objectKey);
    await using analytics = await openAnalytics();
    const range = {
      fromMs: body.from ? Date.parse(body.from) : -9e15,
      toMs: body.to ? Date.parse(body.to) : 9e15,
    };
    const { rows, features } = await profileFeatures(analytics, {
      file,
      features: set.features,
      ...range,
    });
    const { trainingSet, falseAlarmsPerMonth, minimumEffect, maximumLossIncrease } = body;
    const profile = {
      trainingSet,
      rows,
      features,
      falseAlarmsPerMonth,
      minimumEffect,
      maximumLossIncrease,
    };
    await references.put(params.endpoint, profile);
    return {
      endpoint: params.endpoint,
      features: features.length,
      rows,
      digest: profileDigest(profile),
    };
  });

  http.operation(monitor.compareVariants, async ({ params, body }) => {
    const deployment = deployments.get(params.endpoint);
    const champion = championOf(deployment);
    if (!champion)
      throw new AppError('conflict', 'the endpoint has no champion', { details: params });
    const { model, version } = body.candidate;
    if (model === champion.model && version === champion.version)
      throw invalid('candidate', 'must be another version than the champion');
    const name =
      deployment.variants.find((variant) => variant.model === model && variant.version === version)
        ?.name ?? `${model}-${version}`;
    const comparison = await compareVariants(sql, {
      endpoint: params.endpoint,
      champion,
      candidate: { variant: name, model, version },
      fromMs: body.from === undefined ? undefined : Date.parse(body.from),
      toMs: body.to === undefined ? undefined : Date.parse(body.to),
      alpha: body.alpha,
    });
    metrics.evidence.set(comparison.evidence, {
      endpoint: params.endpoint,
      model,
      version: String(version),
    });
    for (const [tested, quality] of [
      [champion, comparison.championQuality],
      [comparison.candidate, comparison.candidateQuality],
    ] as const)
      for (const metric of ['auc', 'logLoss', 'brier'] as const)
        if (quality)
          metrics.quality.set(quality[metric], {
            endpoint: params.endpoint,
            model: tested.model,
            version: String(tested.version),
            metric,
          });
    return reports.publish({
      kind: 'comparison',
      endpoint: params.endpoint,
      model,
      version,
      from: body.from ?? null,
      to: body.to ?? null,
      comparison,
      drift: [],
      quality: [],
    });
  });

  http.operation(monitor.watchEndpoint, async ({ params, body }) => {
    const champion = championOf(deployments.get(params.endpoint));
    if (!champion)
      throw new AppError('conflict', 'the endpoint has no champion', { details: params });
    const [fromMs, toMs] = [Date.parse(body.from), Date.parse(body.to)];
    if (fromMs >= toMs) throw invalid('to', 'must be later than from');
    const profile = await references.get(params.endpoint);
    const [names] = await sql.query<{ names: string[] }>(
      'select names from feature_names where endpoint = $1',
      [params.endpoint],
    );
    const watched = await watchEndpoint(sql, {
      endpoint: params.endpoint,
      model: champion.model,
      version: champion.version,
      features: names?.names ?? [],
      profile,
      fromMs,
      toMs,
      paneMs: body.paneHours * 3_600_000,
    });
    metrics.drifted.set(watched.drift.filter((finding) => finding.verdict === 'drifted').length, {
      endpoint: params.endpoint,
    });
    let firing: monitor.Alert[] = [];
    const report = await reports.publish(
      {
        kind: 'watch',
        endpoint: params.endpoint,
        model: champion.model,
        version: champion.version,
        from: body.from,
        to: body.to,
        comparison: null,
        drift: watched.drift,
        quality: watched.quality,
      },
      async (tx, published) => {
        firing = await alerts.update(tx, published, signalsOf(watched, profile));
      },
    );
    return { report, alerts: firing };
  });

  http.operation(monitor.listReports, async ({ query }) => ({
    reports: await reports.list(query.endpoint),
  }));
  http.operation(monitor.getReport, ({ params }) => reports.get(params.report));
  http.operation(monitor.listAlerts, async ({ query }) => ({ alerts: await alerts.list(query) }));
}
