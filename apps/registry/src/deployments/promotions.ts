import { canonicalJson, invalid, newId, sha256 } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { monitor, registry } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { recordAudit } from '../audit.ts';
import { evaluateGate } from '../gates/evaluate-gate.ts';
import type { ModelStore } from '../models/model-store.ts';
import { lockEndpoint } from './deployment-store.ts';
import type { DeploymentStore, WantedVariant } from './deployment-store.ts';

export type PromotionRequest = {
  model: string;
  version: number;
  to: 'challenger' | 'champion';
  share: number;
  policy?: registry.GatePolicy | undefined;
  requestedBy: string;
  reason: string;
};

type Parts = {
  sql: Sql;
  outbox: Outbox;
  clock: Clock;
  deployments: DeploymentStore;
  models: ModelStore;
};

/** Promotions: the gate decides, the decision is kept with what it was made on, and only a passed one changes anything. */
export class Promotions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async request(endpoint: string, request: PromotionRequest): Promise<registry.Promotion> {
    const { sql, outbox, clock, deployments, models } = this.#parts;
    const policy = request.policy ?? registry.gatePolicy.parse({});
    const promotion = await sql.transaction(async (tx) => {
      await lockEndpoint(tx, endpoint);
      const deployment = await deployments.get(endpoint, tx);
      const made = await this.#whatMade(tx, deployment);
      if (made && asksFor(request, made, deployment)) return made;
      const { champion, candidate } = roles(deployment, request);
      const report = await this.#report(tx, endpoint, candidate, champion);
      const checks = evaluateGate({ report, champion, candidate, policy });
      const decision = checks.every((check) => check.passed)
        ? ('passed' as const)
        : ('refused' as const);
      const next =
        decision === 'passed'
          ? await deployments.change(tx, endpoint, {
              variants: nextVariants(deployment, candidate, request),
              featureService: deployment.featureService,
              changedBy: request.requestedBy,
              reason: request.reason,
            })
          : undefined;
      if (next && request.to === 'champion')
        await models.setAlias(tx, candidate.model, 'champion', candidate.version);
      const nowMs = clock.nowMs();
      const decided: registry.Promotion = {
        id: newId(nowMs),
        endpoint,
        candidate: { model: candidate.model, version: candidate.version, digest: candidate.digest },
        to: request.to,
        decision,
        checks,
        policy,
        digest: sha256(
          canonicalJson({
            candidate: candidate.digest,
            report: report?.digest ?? null,
            policy,
            endpoint,
            to: request.to,
            revision: deployment.revision,
          }),
        ),
        report: report?.id ?? null,
        evidence: report?.comparison?.evidence ?? null,
        pairs: report?.comparison?.pairs ?? null,
        decidedAt: new Date(nowMs).toISOString(),
        requestedBy: request.requestedBy,
        revision: next?.revision ?? null,
      };
      await tx.query(
        'insert into promotions (id, endpoint, decided_at, promotion) values ($1, $2, $3, $4)',
        [decided.id, endpoint, decided.decidedAt, JSON.stringify(decided)],
      );
      await outbox.add(tx, registry.promotionDecided, decided);
      await recordAudit({ outbox, clock }, tx, {
        actor: request.requestedBy,
        action: `promotion-${decision}`,
        subject: endpoint,
        details: { to: request.to, digest: decided.digest },
      });
      return decided;
    });
    outbox.wake();
    return promotion;
  }

  async list(endpoint: string): Promise<registry.Promotion[]> {
    const rows = await this.#parts.sql.query<{ promotion: unknown }>(
      'select promotion from promotions where endpoint = $1 order by decided_at desc, id desc',
      [endpoint],
    );
    return rows.map((row) => registry.promotion.parse(row.promotion));
  }

  /** Keeps the newest comparison of each pair of versions. */
  async takeReport(report: monitor.Report): Promise<void> {
    const { comparison } = report;
    if (report.kind !== 'comparison' || !comparison) return;
    await this.#parts.sql.query(
      `insert into comparison_reports (endpoint, candidate_model, candidate_version, champion_model, champion_version, report) values ($1, $2, $3, $4, $5, $6)
       on conflict (endpoint, candidate_model, candidate_version, champion_model, champion_version) do update set report = excluded.report
       where comparison_reports.report->>'createdAt' <= excluded.report->>'createdAt'`,
      [
        report.endpoint,
        comparison.candidate.model,
        comparison.candidate.version,
        comparison.champion.model,
        comparison.champion.version,
        JSON.stringify(report),
      ],
    );
  }

  /** The promotion that made a deployment what it is; undefined if something else did. */
  async #whatMade(
    tx: SqlTransaction,
    { endpoint, revision }: registry.Deployment,
  ): Promise<registry.Promotion | undefined> {
    const [row] = await tx.query<{ promotion: unknown }>(
      'select promotion from promotions where endpoint = $1 order by decided_at desc, id desc limit 1',
      [endpoint],
    );
    const last = row && registry.promotion.parse(row.promotion);
    return last?.revision === revision ? last : undefined;
  }

  async #report(
    tx: SqlTransaction,
    endpoint: string,
    candidate: registry.Variant,
    champion: registry.Variant,
  ): Promise<monitor.Report | undefined> {
    const [row] = await tx.query<{ report: unknown }>(
      'select report from comparison_reports where endpoint = $1 and candidate_model = $2 and candidate_version = $3 and champion_model = $4 and champion_version = $5',
      [endpoint, candidate.model, candidate.version, champion.model, champion.version],
    );
    return row && monitor.report.parse(row.report);
  }
}

/** A caller whose reply was lost asks again, and is told what was decided. */
function asksFor(
  { model, version, to, share }: PromotionRequest,
  { candidate, to: made }: registry.Promotion,
  { variants }: registry.Deployment,
): boolean {
  const isSame = candidate.model === model && candidate.version === version && made === to;
  const variant = variants.find((one) => one.model === model && one.version === version);
  return isSame && (to === 'champion' || variant?.weight === share);
}

function roles(
  deployment: registry.Deployment,
  request: PromotionRequest,
): { champion: registry.Variant; candidate: registry.Variant } {
  const champion = deployment.variants.find((variant) => variant.role === 'champion');
  const candidate = deployment.variants.find(
    (variant) => variant.model === request.model && variant.version === request.version,
  );
  if (!champion) throw new Error('a deployment without a champion');
  if (!candidate)
    throw invalid('version', 'must be deployed to the endpoint as shadow or challenger first');
  if (candidate.role === 'champion') throw invalid('version', 'is the champion already');
  if (request.to === 'champion' && candidate.role !== 'challenger')
    throw invalid('to', 'a shadow becomes challenger before it becomes champion');
  return { champion, candidate };
}

/** The candidate moves up; a champion that is relieved goes on as a shadow, so that the comparison goes on too. */
function nextVariants(
  deployment: registry.Deployment,
  candidate: registry.Variant,
  { to, share }: PromotionRequest,
): WantedVariant[] {
  return deployment.variants.map(
    ({ name, model, version, role, weight, sampleRatio }): WantedVariant => {
      const variant = { model, version };
      if (name === candidate.name)
        return to === 'champion'
          ? { ...variant, role: 'champion', sampleRatio: 1 }
          : { ...variant, role: 'challenger', weight: share, sampleRatio: 1 };
      if (role === 'champion' && to === 'champion')
        return { ...variant, role: 'shadow', sampleRatio: 1 };
      return role === 'challenger'
        ? { ...variant, role, weight, sampleRatio }
        : { ...variant, role, sampleRatio };
    },
  );
}
