import { AppError, invalid } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { Scalar } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { OnlineStore } from '@flywheel/storage';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import { entitiesOf, resolveService } from '../definitions/resolved-service.ts';
import type { ResolvedService } from '../definitions/resolved-service.ts';
import { instantMs } from '../vectors/instants.ts';
import { readVectors } from '../vectors/read-vectors.ts';
import type { Vector } from '../vectors/read-vectors.ts';

const MAXIMUM_ROWS = 10_000;

/**
 * Feast's online read: columns of entity keys first, then features; row i of every column belongs to entity i. Statuses
 * are strict: an entity without a row that was known by then is NOT_FOUND, a value that is not there NULL_VALUE. A
 * timestamp is that of the newest row the value is made of, 1970 where it is made of none. `as_of` (ours) asks for
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
      const shown = shownFeatures(service, asked);
      const rows = entityRows(asked.entities);
      const asOfMs = asked.asOfMs ?? (service.service.predictionTime ? undefined : clock.nowMs());
      const vectors = await readVectors(
        { store, clock },
        service,
        rows.map((row) => ({ entities: row, request: row, asOfMs })),
      );
      const given = Object.keys(asked.entities);
      const keys = entitiesOf(service.views).flatMap(({ name, keys }) => [...keys, name]);
      const echoed = [...new Set(keys)].filter((key) => given.includes(key));
      return {
        body: {
          metadata: { feature_names: [...echoed, ...shown.map(({ name }) => name)] },
          results: [
            ...echoed.map((key) => ({
              values: asked.entities[key] ?? [],
              statuses: rows.map(() => 'PRESENT'),
              event_timestamps: rows.map(() => timestamp(0)),
            })),
            ...shown.map(({ place, view }) => ({
              values: vectors.map((vector) => vector.values[place] ?? null),
              statuses: vectors.map((vector) => status(vector, place, view)),
              event_timestamps: vectors.map((vector) =>
                timestamp((view === undefined ? undefined : vector.newestMs[view]) ?? 0),
              ),
            })),
          ],
        },
      };
    },
  });
}

type Given = Scalar | bigint;
type Asked = {
  entities: Record<string, Given[]>;
  /** `view:feature`; undefined where a service is asked for. */
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
    full_feature_names: fullNames = false,
    as_of: asOf,
  } = body as Record<string, unknown>; // checked member by member below
  if (service !== undefined && typeof service !== 'string')
    throw invalid('feature_service', 'must be text');
  if (service === undefined && !isListOfTexts(features))
    throw invalid('features', 'must be a list of "view:feature"');
  if (typeof fullNames !== 'boolean') throw invalid('full_feature_names', 'must be a boolean');
  const asOfMs = asOf === undefined ? undefined : instantMs(asOf);
  if (Number.isNaN(asOfMs)) throw invalid('as_of', 'must be an instant');
  return {
    entities: readEntities(entities),
    features: service === undefined ? (features as string[]) : undefined, // texts, as checked above
    service,
    fullNames,
    asOfMs,
  };
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
}

function readEntities(entities: unknown): Record<string, Given[]> {
  if (typeof entities !== 'object' || entities === null || Array.isArray(entities))
    throw invalid('entities', 'must be an object of key lists');
  const lists = Object.entries(entities as Record<string, unknown>);
  const [first] = lists;
  if (!first) throw invalid('entities', 'must name at least one key');
  for (const [key, values] of lists) {
    if (!Array.isArray(values) || values.length === 0)
      throw invalid(`entities.${key}`, 'must be a list that is not empty');
    if (values.length > MAXIMUM_ROWS)
      throw invalid(`entities.${key}`, `must have at most ${MAXIMUM_ROWS} values`);
    if (values.length !== (first[1] as unknown[]).length)
      throw invalid(`entities.${key}`, 'must be as long as the other key lists');
    for (const [index, value] of values.entries())
      if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value))
        throw invalid(`entities.${key}[${index}]`, 'must be text, a number or a boolean');
  }
  return entities as Record<string, Given[]>; // lists of one length, as checked above
}

function askedService(definitions: DefinitionStore, asked: Asked): ResolvedService {
  if (asked.service !== undefined) return definitions.service(asked.service);
  const views = new Set<string>();
  for (const [index, reference] of (asked.features ?? []).entries()) {
    const colon = reference.indexOf(':');
    const [view, feature] = [reference.slice(0, Math.max(0, colon)), reference.slice(colon + 1)];
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

type Shown = {
  name: string;
  /** Index into the vector's values. */
  place: number;
  /** Index of its view; undefined for a feature on demand. */
  view: number | undefined;
};

function shownFeatures(service: ResolvedService, { features, fullNames }: Asked): Shown[] {
  const all = [
    ...service.views.flatMap(({ view, plan }, index) =>
      plan.outputs.map(({ name }) => ({ view: index, name, prefix: view.name })),
    ),
    ...service.service.onDemand.map(({ feature }) => ({
      ...{ view: undefined, name: feature, prefix: undefined },
    })),
  ];
  const asked = features && new Set(features);
  const shown = all.flatMap(({ view, name, prefix }, place) =>
    asked && !asked.has(`${prefix ?? ''}:${name}`)
      ? []
      : [{ view, place, name: fullNames && prefix !== undefined ? `${prefix}__${name}` : name }],
  );
  const names = new Set<string>();
  for (const { name } of shown) {
    if (names.has(name))
      throw invalid('full_feature_names', `must be true, for two features are called "${name}"`);
    names.add(name);
  }
  return shown;
}

function entityRows(
  entities: Readonly<Record<string, readonly Given[]>>,
): Record<string, Scalar>[] {
  const lists = Object.entries(entities);
  return Array.from({ length: lists[0]?.[1].length ?? 0 }, (_, index) =>
    Object.fromEntries(
      lists.map(([key, values]) => {
        const value = values[index] ?? null;
        return [key, typeof value === 'bigint' ? String(value) : value];
      }),
    ),
  );
}

/** RFC 3339, without a fraction where it is none. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

function status(vector: Vector, place: number, view: number | undefined): string {
  if (view !== undefined && vector.newestMs[view] === undefined) return 'NOT_FOUND';
  return vector.values[place] === null ? 'NULL_VALUE' : 'PRESENT';
}
