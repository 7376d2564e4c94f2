import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import {
  count,
  datasetName,
  epochMs,
  finiteOrNull,
  instant,
  name,
  objectReference,
  scalar,
  sha256Hex,
} from './shapes.ts';
import { topics } from './topics.ts';

export const entity = z.object({
  name,
  /** Columns whose values, joined by `separator`, are the entity's key. */
  keys: z.array(z.string().min(1)).min(1),
  separator: z.string().max(3).default('-'),
  description: z.string().default(''),
  owner: z.string().default(''),
});
export type Entity = z.output<typeof entity>;

/**
 * Where a view's rows come from. A row has two times: when it happened and when it was known; nothing before `knownAt`
 * may see it. `outcomes` reads what came of an endpoint's predictions: request features, entities and reported values in one row.
 */
export const viewSource = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('dataset'),
    dataset: datasetName,
    eventTime: z.string(),
    knownAt: z.string(),
  }),
  z.object({
    kind: z.literal('outcomes'),
    endpoint: name,
    eventTime: z.string(),
    knownAt: z.string(),
  }),
]);
export type ViewSource = z.output<typeof viewSource>;

/** `count` of rows, `mean` of a column, or the `share` of rows whose column lies above a bound (nulls do not count). */
export const aggregation = z.discriminatedUnion('fn', [
  z.object({ feature: name, fn: z.literal('count') }),
  z.object({ feature: name, fn: z.literal('mean'), column: z.string() }),
  z.object({ feature: name, fn: z.literal('share'), column: z.string(), above: z.number() }),
]);
export type Aggregation = z.output<typeof aggregation>;

/** A length of time: 15m, 3h, 7d. */
export const duration = z
  .string()
  .regex(/^[1-9][0-9]{0,4}[smhd]$/, 'must be a number and s, m, h or d');

/**
 * Windowed aggregations of an entity's rows. The value at t for window w counts the rows with
 * t - w < event time <= t that were known by t. Feature names are `<feature>_<window>`.
 */
export const featureView = z.object({
  name,
  entity: name,
  sources: z.array(viewSource).min(1),
  windows: z.array(duration).min(1).max(10),
  aggregations: z.array(aggregation).min(1).max(50),
  description: z.string().default(''),
  owner: z.string().default(''),
  tags: z.record(z.string(), z.string()).default({}),
});
export type FeatureView = z.output<typeof featureView>;

/** Computed from the request itself, online and offline by the same code. Hours and weekdays are UTC; Monday is 0. */
export const onDemandFeature = z.object({
  feature: name,
  from: z.string(),
  transform: z.enum(['value', 'hour', 'weekday']),
});
export type OnDemandFeature = z.output<typeof onDemandFeature>;

/** What one model reads, in this order: the views' features, then those on demand. */
export const featureService = z.object({
  name,
  views: z.array(name).min(1),
  onDemand: z.array(onDemandFeature).default([]),
  /** The moment a prediction is asked, from the request's own data: `date` - 1 h. Absent: the moment of the call. */
  predictionTime: z.object({ column: z.string(), offsetMs: z.number().int() }).optional(),
  description: z.string().default(''),
  owner: z.string().default(''),
});
export type FeatureService = z.output<typeof featureService>;

/** `<view>__<feature>_<window>` for views, the plain name for features on demand. */
export const vectorFeature = z.object({ name: z.string(), view: z.string().nullable() });

const stored = { version: count, hash: sha256Hex, updatedAt: instant };
export const storedEntity = entity.extend(stored);
export const storedView = featureView.extend(stored);
export const storedService = featureService.extend({
  ...stored,
  features: z.array(vectorFeature),
  /** Columns a caller must give: entity keys first, then request features. */
  entities: z.array(storedEntity),
  requestColumns: z.array(z.string()),
});
export type StoredEntity = z.output<typeof storedEntity>;
export type StoredView = z.output<typeof storedView>;
export type StoredService = z.output<typeof storedService>;

/** Complete state of a definition. */
export const definitionChanged = defineEvent({
  type: 'feature-store.definition-changed',
  topic: topics.featuresDefinitions,
  data: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('entity'), definition: storedEntity }),
    z.object({ kind: z.literal('view'), definition: storedView }),
    z.object({ kind: z.literal('service'), definition: storedService }),
  ]),
  key: (data) => `${data.kind}/${data.definition.name}`,
});

/** The online store moved on: a batch of rows of one view was applied. */
export const featuresUpdated = defineEvent({
  type: 'feature-store.features-updated',
  topic: topics.featuresUpdates,
  data: z.object({
    view: name,
    rows: count,
    entities: count,
    knownAtMs: epochMs,
    cause: z.enum(['materialisation', 'stream', 'push']),
  }),
  key: (data) => data.view,
});

const byName = z.object({ name });
const put = <Body extends z.ZodType, Reply extends z.ZodType>(
  kind: string,
  plural: string,
  body: Body,
  reply: Reply,
) =>
  defineOperation({
    name: `feature-store.put-${kind}`,
    service: 'feature-store',
    method: 'PUT',
    path: `/api/feature-store/${plural}/:name`,
    summary: `Creates or changes a ${kind}; an unchanged definition keeps its version`,
    params: byName,
    body,
    reply,
  });

export const putEntity = put('entity', 'entities', entity.omit({ name: true }), storedEntity);
export const putView = put('view', 'views', featureView.omit({ name: true }), storedView);
export const putService = put(
  'service',
  'services',
  featureService.omit({ name: true }),
  storedService,
);

export const listDefinitions = defineOperation({
  name: 'feature-store.list-definitions',
  service: 'feature-store',
  method: 'GET',
  path: '/api/feature-store/definitions',
  summary: 'Lists entities, feature views and feature services',
  reply: z.object({
    entities: z.array(storedEntity),
    views: z.array(storedView),
    services: z.array(storedService),
  }),
});

export const getService = defineOperation({
  name: 'feature-store.get-service',
  service: 'feature-store',
  method: 'GET',
  path: '/api/feature-store/services/:name',
  summary: 'Gives a feature service with the features and columns it resolves to',
  params: byName,
  reply: storedService,
});

export const trainingSetRequest = z.object({
  name,
  service: name,
  spine: z.object({
    snapshot: z.string(),
    /** Bounds on the prediction time: from <= t < to. */
    from: instant.optional(),
    to: instant.optional(),
  }),
  /** 1 when the column lies above the bound, else 0; rows without a value are left out and counted. */
  label: z.object({ column: z.string(), above: z.number(), knownAt: z.string() }),
  /** Labels and rows not known by then do not take part. */
  knownBy: instant,
});
export type TrainingSetRequest = z.output<typeof trainingSetRequest>;

export const trainingSet = z.object({
  id: z.string(),
  state: z.enum(['running', 'succeeded', 'failed']),
  request: trainingSetRequest,
  error: z.string().optional(),
  createdAt: instant,
  seconds: z.number().optional(),
  /** Parquet: `prediction_time` (ms), one column per entity, `label` (0 or 1), `known_at` (ms), then the features. Ordered by prediction_time, then a stable tie. */
  data: objectReference.optional(),
  rows: count.optional(),
  rowsLeftOut: z.object({ unknownLabel: count, notKnownYet: count, outOfRange: count }).optional(),
  positives: count.optional(),
  features: z.array(z.string()).optional(),
  /** SHA-256 over all that determines the rows: snapshot digest, definition hashes, request. */
  recipe: sha256Hex.optional(),
});
export type TrainingSet = z.output<typeof trainingSet>;

/** Point-in-time join: for each row of the spine the features as known at its prediction time. Rows in = rows out + rows left out. */
export const createTrainingSet = defineOperation({
  name: 'feature-store.create-training-set',
  service: 'feature-store',
  method: 'POST',
  path: '/api/feature-store/training-sets',
  idempotent: true,
  summary: 'Starts a point-in-time join over a pinned snapshot',
  body: trainingSetRequest,
  reply: trainingSet,
  status: 202,
});

export const getTrainingSet = defineOperation({
  name: 'feature-store.get-training-set',
  service: 'feature-store',
  method: 'GET',
  path: '/api/feature-store/training-sets/:id',
  summary: 'Gives a training set; waits up to `waitMs` for it to finish',
  params: z.object({ id: z.string().min(1) }),
  query: z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) }),
  reply: trainingSet,
});

/** Loads a snapshot's rows, as known at `asOf`, into the online store. */
export const materialiseViews = defineOperation({
  name: 'feature-store.materialise-views',
  service: 'feature-store',
  method: 'POST',
  path: '/api/feature-store/materialisations',
  idempotent: true,
  summary: 'Loads the rows of a snapshot that are known by a moment into the online store',
  body: z.object({ views: z.array(name).min(1), snapshot: z.string(), asOf: instant }),
  reply: z.object({ rows: count, entities: count, seconds: z.number() }),
});

/** One vector per row, as known at the row's prediction time; features in the order of the service. */
export const readVectors = defineOperation({
  name: 'feature-store.read-vectors',
  service: 'feature-store',
  method: 'POST',
  path: '/api/feature-store/vectors',
  idempotent: true,
  summary: 'Reads feature vectors online, as known at the prediction time of each row',
  body: z.object({
    service: name,
    rows: z
      .array(
        z.object({
          entities: z.record(z.string(), scalar),
          request: z.record(z.string(), scalar),
          asOfMs: epochMs.optional(),
        }),
      )
      .min(1)
      .max(1000),
  }),
  reply: z.object({
    features: z.array(z.string()),
    vectors: z.array(
      z.object({
        asOfMs: epochMs,
        values: z.array(finiteOrNull),
        /** Views that know no row of the entity by then. */
        unknown: z.array(z.string()),
      }),
    ),
  }),
});

/** How far the streams into the online store are: `position` has caught up when it equals `end`. */
export const getStreams = defineOperation({
  name: 'feature-store.get-streams',
  service: 'feature-store',
  method: 'GET',
  path: '/api/feature-store/streams',
  summary:
    'Tells how far the online store has followed each topic; waits up to `waitMs` for what is there now',
  query: z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) }),
  reply: z.object({
    streams: z.array(
      z.object({ topic: z.string(), partition: count, position: z.string(), end: z.string() }),
    ),
    /** Greatest known_at applied so far. */
    knownAtMs: epochMs.nullable(),
  }),
});
