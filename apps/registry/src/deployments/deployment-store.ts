import { AppError, invalid, newHexId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { registry } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { recordAudit } from '../audit.ts';
import type { ModelStore } from '../models/model-store.ts';

export type WantedVariant = {
  model: string;
  version: number;
  role: registry.Variant['role'];
  weight?: number | undefined;
  sampleRatio: number;
};
export type Change = {
  variants: readonly WantedVariant[];
  featureService: string | null;
  changedBy: string;
  reason: string;
};

type Query = Pick<SqlTransaction, 'query'>;

/** Deployments of endpoints: numbered revisions that never change, each told as complete state. */
export class DeploymentStore {
  readonly #sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #models: ModelStore;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock; models: ModelStore }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
    this.#models = options.models;
  }

  async deploy(endpoint: string, change: Change): Promise<registry.Deployment> {
    const deployment = await this.#sql.transaction(async (tx) => {
      await lockEndpoint(tx, endpoint);
      return this.change(tx, endpoint, change);
    });
    this.#outbox.wake();
    return deployment;
  }

  /** The next revision, within a transaction that holds the endpoint's lock. */
  async change(
    tx: SqlTransaction,
    endpoint: string,
    { variants, featureService, changedBy, reason }: Change,
  ): Promise<registry.Deployment> {
    const current = await this.find(endpoint, tx);
    const deployment: registry.Deployment = {
      endpoint,
      revision: (current?.revision ?? 0) + 1,
      changedAt: new Date(this.#clock.nowMs()).toISOString(),
      changedBy,
      reason,
      featureService,
      salt: current?.salt ?? newHexId(),
      variants: await this.#resolve(variants, tx),
    };
    await tx.query('insert into deployments (endpoint, revision, deployment) values ($1, $2, $3)', [
      endpoint,
      deployment.revision,
      JSON.stringify(deployment),
    ]);
    await this.#outbox.add(tx, registry.deploymentChanged, deployment);
    await recordAudit({ outbox: this.#outbox, clock: this.#clock }, tx, {
      actor: changedBy,
      action: 'deploy',
      subject: endpoint,
      details: { revision: deployment.revision, reason },
    });
    return deployment;
  }

  async find(endpoint: string, tx: Query = this.#sql): Promise<registry.Deployment | undefined> {
    const [row] = await tx.query<{ deployment: unknown }>(
      'select deployment from deployments where endpoint = $1 order by revision desc limit 1',
      [endpoint],
    );
    return row && registry.deployment.parse(row.deployment);
  }

  async get(endpoint: string, tx: Query = this.#sql): Promise<registry.Deployment> {
    const deployment = await this.find(endpoint, tx);
    if (!deployment)
      throw new AppError('not_found', 'there is no such endpoint', { details: { endpoint } });
    return deployment;
  }

  async list(): Promise<registry.Deployment[]> {
    const rows = await this.#sql.query<{ deployment: unknown }>(
      'select distinct on (endpoint) deployment from deployments order by endpoint, revision desc',
    );
    return rows.map((row) => registry.deployment.parse(row.deployment));
  }

  async history(endpoint: string): Promise<registry.Deployment[]> {
    const rows = await this.#sql.query<{ deployment: unknown }>(
      'select deployment from deployments where endpoint = $1 order by revision desc',
      [endpoint],
    );
    if (rows.length === 0)
      throw new AppError('not_found', 'there is no such endpoint', { details: { endpoint } });
    return rows.map((row) => registry.deployment.parse(row.deployment));
  }

  async #resolve(wanted: readonly WantedVariant[], tx: Query): Promise<registry.Variant[]> {
    checkRoles(wanted);
    const shares = wanted
      .filter((variant) => variant.role === 'challenger')
      .reduce((sum, variant) => sum + (variant.weight ?? 0), 0);
    const variants: registry.Variant[] = [];
    for (const [index, { model, version, role, weight, sampleRatio }] of wanted.entries()) {
      await this.#models.holdModel(tx, model); // what is deployed is not deleted at the same moment
      const row = await this.#models.findVersion(model, version, tx);
      if (!row)
        throw invalid(
          `variants[${index}].version`,
          `there is no version ${version} of model "${model}"`,
        );
      const onnx = row.files.find((file) => file.path === row.onnx);
      if (!onnx) throw invalid(`variants[${index}].version`, 'must have an ONNX file');
      variants.push({
        name: `${model}-${version}`,
        role,
        model,
        version,
        digest: row.digest,
        weight:
          role === 'champion' ? Math.max(0, 1 - shares) : role === 'challenger' ? (weight ?? 0) : 0,
        sampleRatio: role === 'shadow' ? sampleRatio : 1,
        artifact: { objectKey: `${row.folder}/${onnx.path}`, sha256: onnx.sha256 },
      });
    }
    return variants;
  }
}

/** One change of an endpoint at a time. */
export async function lockEndpoint(tx: SqlTransaction, endpoint: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`endpoint/${endpoint}`]);
}

function checkRoles(wanted: readonly WantedVariant[]): void {
  if (wanted.filter((variant) => variant.role === 'champion').length !== 1)
    throw invalid('variants', 'must hold exactly one champion');
  const seen = new Set<string>();
  for (const [index, { model, version, role, weight }] of wanted.entries()) {
    const name = `${model}/${version}`;
    if (seen.has(name))
      throw invalid(`variants[${index}]`, `version ${version} of "${model}" is there twice`);
    seen.add(name);
    if (role === 'challenger' && weight === undefined)
      throw invalid(`variants[${index}].weight`, 'is required for a challenger');
  }
  const shares = wanted
    .filter((variant) => variant.role === 'challenger')
    .reduce((sum, variant) => sum + (variant.weight ?? 0), 0);
  if (shares > 1)
    throw invalid('variants', 'the weights of the challengers must add up to at most 1');
}
