import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import { count, id, instant, name, ratio, sha256Hex } from './shapes.ts';
import { topics } from './topics.ts';

export const tensorSpec = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int()),
});

/** MLflow allows more than our own names do, for instance spaces; only a `name` can be deployed to an endpoint. */
const modelName = z.string().min(1).max(512);

/** A build that never changes: its files by digest and where it came from. */
export const modelVersion = z.object({
  model: modelName,
  version: count,
  /** SHA-256 over the sorted (path, digest) pairs of the artifact folder. */
  digest: sha256Hex,
  files: z.array(z.object({ path: z.string(), sizeBytes: count, sha256: sha256Hex })),
  /** Object key of the artifact folder. */
  folder: z.string(),
  /** The ONNX file inside the folder, when there is one. */
  onnx: z.string().nullable(),
  run: z.string().nullable(),
  createdAt: instant,
  aliases: z.array(z.string()),
  tags: z.record(z.string(), z.string()),
  lineage: z.object({
    runKey: z.string().nullable(),
    snapshot: z.string().nullable(),
    trainingSet: z.string().nullable(),
    commit: z.string().nullable(),
  }),
});
export type ModelVersion = z.output<typeof modelVersion>;

export const modelVersionChanged = defineEvent({
  type: 'registry.model-version-changed',
  topic: topics.registryModels,
  data: z.object({
    change: z.enum(['registered', 'aliased', 'tagged', 'staged', 'deleted']),
    version: modelVersion,
  }),
  key: (data) => data.version.model,
});

/** champion answers by default, challenger answers a share, shadow answers nobody and is compared. */
export const role = z.enum(['champion', 'challenger', 'shadow']);

export const variant = z.object({
  /** Unique within the endpoint, for instance `flight-delay-2`. */
  name,
  role,
  model: name,
  version: count,
  digest: sha256Hex,
  /** Share of the requests it answers; the weights of champion and challengers add up to 1; a shadow has 0. */
  weight: ratio,
  /** Share of the requests a shadow sees; 1 for others. */
  sampleRatio: ratio,
  artifact: z.object({ objectKey: z.string(), sha256: sha256Hex }),
});
export type Variant = z.output<typeof variant>;

export const deployment = z.object({
  endpoint: name,
  /** Grows by one with every change; routers ignore what is not newer. */
  revision: count,
  changedAt: instant,
  changedBy: z.string(),
  reason: z.string(),
  /** Joins these features online before the model is asked. */
  featureService: name.nullable(),
  /** Salt of the split: the same unit meets the same variant as long as the salt stands. */
  salt: z.string(),
  variants: z.array(variant).min(1),
});
export type Deployment = z.output<typeof deployment>;

/** Complete routing state of one endpoint. */
export const deploymentChanged = defineEvent({
  type: 'registry.deployment-changed',
  topic: topics.registryDeployments,
  data: deployment,
  key: (data) => data.endpoint,
});

export const auditEntry = defineEvent({
  type: 'registry.audit-entry-recorded',
  topic: topics.auditEntries,
  data: z.object({
    id: z.string(),
    at: instant,
    actor: id,
    action: z.string(),
    subject: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
  key: (data) => data.actor,
});

const byEndpoint = z.object({ endpoint: name });

export const getModelVersion = defineOperation({
  name: 'registry.get-model-version',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/models/:model/versions/:version',
  summary: 'Gives a model version with digests and lineage',
  params: z.object({ model: modelName, version: z.coerce.number().int().positive() }),
  reply: modelVersion,
});

export const listModels = defineOperation({
  name: 'registry.list-models',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/models',
  summary: 'Lists model versions with digests and lineage',
  reply: z.object({ versions: z.array(modelVersion) }),
});

/** Says which versions an endpoint serves and in which roles; the registry resolves digests and artifacts. */
export const deployEndpoint = defineOperation({
  name: 'registry.deploy-endpoint',
  service: 'registry',
  method: 'PUT',
  path: '/api/registry/endpoints/:endpoint',
  summary: 'Deploys model versions to an endpoint: champion, challengers, shadows',
  params: byEndpoint,
  body: z.object({
    featureService: name.nullable().default(null),
    variants: z
      .array(
        z.object({
          model: name,
          version: z.number().int().positive(),
          role,
          weight: ratio.optional(),
          sampleRatio: ratio.default(1),
        }),
      )
      .min(1),
    changedBy: z.string().min(1).max(200).default('unknown'),
    reason: z.string().max(1000).default(''),
  }),
  reply: deployment,
});

export const getEndpoint = defineOperation({
  name: 'registry.get-endpoint',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/endpoints/:endpoint',
  summary: 'Gives the current deployment of an endpoint',
  params: byEndpoint,
  reply: deployment,
});

export const listEndpoints = defineOperation({
  name: 'registry.list-endpoints',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/endpoints',
  summary: 'Lists endpoints with their current deployment',
  reply: z.object({ endpoints: z.array(deployment) }),
});

export const listDeployments = defineOperation({
  name: 'registry.list-deployments',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/endpoints/:endpoint/deployments',
  summary: 'Lists all revisions of an endpoint, newest first: what was in production when',
  params: byEndpoint,
  reply: z.object({ deployments: z.array(deployment) }),
});

/** What the gate demands of the monitor's newest report about the candidate. Missing evidence is never consent. */
export const gatePolicy = z.object({
  minimumPairs: count.default(1000),
  /** The evidence against "the champion is at least as good" must reach 1 / alpha. */
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  requireVerdict: z
    .array(z.enum(['candidate-better', 'non-inferior']))
    .min(1)
    .default(['candidate-better']),
  maximumFailureRatio: ratio.default(0.001),
  /** p95 of the candidate / p95 of the champion on the same requests. */
  maximumLatencyRatio: z.number().positive().default(5),
});
export type GatePolicy = z.output<typeof gatePolicy>;

export const gateCheck = z.object({
  name: z.string(),
  passed: z.boolean(),
  required: z.string(),
  measured: z.string(),
});

export const promotion = z.object({
  id: z.string(),
  endpoint: name,
  candidate: z.object({ model: name, version: count, digest: sha256Hex }),
  to: z.enum(['challenger', 'champion']),
  decision: z.enum(['passed', 'refused']),
  checks: z.array(gateCheck),
  policy: gatePolicy,
  /** SHA-256 over candidate digest, report digest, policy and target: what was decided upon. */
  digest: sha256Hex,
  report: z.string().nullable(),
  evidence: z.number().nullable(),
  pairs: count.nullable(),
  decidedAt: instant,
  requestedBy: z.string(),
  /** Revision of the deployment the decision led to. */
  revision: count.nullable(),
});
export type Promotion = z.output<typeof promotion>;

/** Moves a candidate up when the gate passes: a shadow to challenger with a share, a challenger to champion. */
export const requestPromotion = defineOperation({
  name: 'registry.request-promotion',
  service: 'registry',
  method: 'POST',
  path: '/api/registry/endpoints/:endpoint/promotions',
  idempotent: true,
  summary: 'Asks the gate to promote a candidate to challenger or champion',
  params: byEndpoint,
  body: z.object({
    model: name,
    version: z.number().int().positive(),
    to: z.enum(['challenger', 'champion']),
    share: ratio.default(0.2),
    policy: gatePolicy.optional(),
    requestedBy: z.string().min(1).max(200),
    reason: z.string().max(1000).default(''),
  }),
  reply: promotion,
});

export const listPromotions = defineOperation({
  name: 'registry.list-promotions',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/endpoints/:endpoint/promotions',
  summary: 'Lists the gate decisions of an endpoint, newest first',
  params: byEndpoint,
  reply: z.object({ promotions: z.array(promotion) }),
});

export const promotionDecided = defineEvent({
  type: 'registry.promotion-decided',
  topic: topics.registryModels,
  data: promotion,
  key: (data) => data.candidate.model,
});
