import { AppError, invalid } from '@flywheel/core';
import type { Scalar } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { Clock } from '@flywheel/core';
import type { OnlineStore } from '@flywheel/storage';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import type { ResolvedService } from '../definitions/resolved-service.ts';
import { resolveService } from '../definitions/resolved-service.ts';
import { instantMs } from '../vectors/instants.ts';
import { readVectors } from '../vectors/read-vectors.ts';

const MAXIMUM_ROWS = 10_000;
const EPOCH = '1970-01-01T00:00:00Z';

/**
 * Feast's online read: columns of entity keys first, then features; row i of every column belongs to entity i. Statuses
 * are strict: an entity without a row is NOT_FOUND, a value that is not there NULL_VALUE. `as_of` (ours) asks for
 * another moment than now.
 */
export function getOnlineFeatures(
  http: ServiceContext<unknown>['http'],
  { definitions, store, clock }: { definitions: DefinitionStore; store: OnlineStore; clock: Clock },
): void {
  http.route({
    service: 'feature-store',
    name: 'feature-store.get-online-features',
    summary: "Reads features online as Feast's feature server does",
    method: 'POST',
    path: '/get-online-features',
    body: 'json',
    bigIntegers: true,
    handler: async ({ body }) => {
      const asked = readBody(body);
      const service = askedService(definitions, asked);
      const rows = entityRows(asked.entities);
      const asOfMs = asked.asOfMs ?? (service.service.predictionTime ? undefined : clock.nowMs());
      const vectors = await readVectors(
        { store, clock },
        service,
        rows.map((row) => ({ entities: row, request: row, asOfMs })),
      );
      const keys = [...new Set(service.views.flatMap(({ entity }) => entity.keys))].filter(
        (key) => key in asked.entities,
      );
      const results = [
        ...keys.map((key) => ({
          values: rows.map((row) => row[key] ?? null),
          statuses: rows.map(() => 'PRESENT'),
          event_timestamps: rows.map(() => EPOCH),
        })),
        ...service.features.flatMap((feature, index) =>
          isAsked(asked, feature)
            ? [
                {
                  values: vectors.map((vector) => vector.values[index] ?? null),
                  statuses: vectors.map((vector) => status(vector, feature, index)),
                  event_timestamps: vectors.map((vector) => new Date(vector.asOfMs).toISOString()),
                },
              ]
            : [],
        ),
      ];
      const names = service.features.filter((feature) => isAsked(asked, feature));
      return {
        body: {
          metadata: {
            feature_names: [...keys, ...names.map((name) => shownName(name, asked.fullNames))],
          },
          results,
        },
      };
    },
  });
}

type Asked = {
  entities: Record<string, Scalar[]>;
  features: readonly string[] | undefined;
  service: string | undefined;
  fullNames: boolean;
  asOfMs: number | undefined;
};

function readBody(body: unknown): Asked {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('body', 'must be an object');
  const {
    entities,
    features,
    feature_service: service,
    full_feature_names: fullNames,
    as_of: asOf,
  } = body as Record<string, unknown>; // checked member by member below
  if (typeof entities !== 'object' || entities === null || Array.isArray(entities))
    throw invalid('entities', 'must be an object of key lists');
  for (const [key, values] of Object.entries(entities)) {
    if (!Array.isArray(values) || values.length === 0)
      throw invalid(`entities.${key}`, 'must be a list that is not empty');
    if (values.length > MAXIMUM_ROWS)
      throw invalid(`entities.${key}`, `must have at most ${MAXIMUM_ROWS} values`);
    for (const [index, value] of values.entries())
      if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value))
        throw invalid(`entities.${key}[${index}]`, 'must be text, a number or a boolean');
  }
  if (service !== undefined && typeof service !== 'string')
    throw invalid('feature_service', 'must be text');
  if (
    service === undefined &&
    (!Array.isArray(features) ||
      features.length === 0 ||
      !features.every((one) => typeof one === 'string'))
  )
    throw invalid('features', 'must be a list of "view:feature"');
  const asOfMs = asOf === undefined ? undefined : instantMs(asOf);
  if (Number.isNaN(asOfMs)) throw invalid('as_of', 'must be an instant');
  return {
    entities: Object.fromEntries(
      Object.entries(entities as Record<string, unknown[]>).map(([key, values]) => [
        key,
        values.map((value) => (typeof value === 'bigint' ? String(value) : (value as Scalar))),
      ]),
    ),
    features: features as string[] | undefined,
    service,
    fullNames: fullNames === true,
    asOfMs,
  };
}

function askedService(definitions: DefinitionStore, asked: Asked): ResolvedService {
  if (asked.service !== undefined) return definitions.service(asked.service);
  const views = new Set<string>();
  for (const [index, reference] of (asked.features ?? []).entries()) {
    const [view = '', feature = ''] = reference.split(':');
    const resolved = definitions.view(view, `features[${index}]`);
    if (!resolved.plan.outputs.some((output) => output.name === feature))
      throw new AppError('not_found', 'the feature view has no such feature', {
        details: { field: `features[${index}]`, view, feature },
      });
    views.add(view);
  }
  return resolveService(
    { name: 'adhoc', views: [...views], onDemand: [], description: '', owner: '' },
    [...views].map((name) => definitions.view(name, 'features')),
  );
}

function entityRows(
  entities: Readonly<Record<string, readonly Scalar[]>>,
): Record<string, Scalar>[] {
  const lists = Object.entries(entities);
  const length = lists[0]?.[1].length ?? 0;
  for (const [key, values] of lists)
    if (values.length !== length)
      throw invalid(`entities.${key}`, 'must be as long as the other key lists');
  if (length === 0) throw invalid('entities', 'must name at least one key');
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(lists.map(([key, values]) => [key, values[index] ?? null])),
  );
}

function isAsked(asked: Asked, feature: string): boolean {
  return (
    asked.features === undefined ||
    asked.service !== undefined ||
    asked.features.includes(feature.replace('__', ':'))
  );
}

function shownName(feature: string, fullNames: boolean): string {
  return fullNames
    ? feature
    : feature.slice(feature.includes('__') ? feature.indexOf('__') + 2 : 0);
}

function status(
  vector: { values: readonly (number | null)[]; unknown: readonly string[] },
  feature: string,
  index: number,
): string {
  if (vector.unknown.some((view) => feature.startsWith(`${view}__`))) return 'NOT_FOUND';
  return vector.values[index] === null ? 'NULL_VALUE' : 'PRESENT';
}
