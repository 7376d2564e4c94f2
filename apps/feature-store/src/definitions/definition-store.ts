import { AppError, canonicalJson, invalid, sha256 } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { featureStore } from '@flywheel/contracts';
import type { Outbox } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { resolveService, resolveView } from './resolved-service.ts';
import type { ResolvedService, ResolvedView } from './resolved-service.ts';

type Stored = {
  entity: featureStore.StoredEntity;
  view: featureStore.StoredView;
  service: featureStore.StoredService;
};
type Kind = keyof Stored;

/** Entities, views and services: kept in SQL, answered from memory. An unchanged definition keeps its version. */
export class DefinitionStore {
  readonly #sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #entities = new Map<string, Stored['entity']>();
  readonly #views = new Map<string, ResolvedView>();
  readonly #services = new Map<string, { stored: Stored['service']; resolved: ResolvedService }>();

  private constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  static async open(options: { sql: Sql; outbox: Outbox; clock: Clock }): Promise<DefinitionStore> {
    const store = new DefinitionStore(options);
    const rows = await options.sql.query<{ kind: Kind; definition: unknown }>(
      `select kind, definition from definitions order by array_position(array['entity','view','service'], kind), name`,
    );
    for (const row of rows) store.apply(row.kind, row.definition);
    return store;
  }

  /** Takes a stored definition into memory: what another instance wrote, or what was there at start. */
  apply(kind: Kind, definition: unknown): void {
    switch (kind) {
      case 'entity': {
        const entity = featureStore.storedEntity.parse(definition);
        this.#entities.set(entity.name, entity);
        return;
      }
      case 'view': {
        const view = featureStore.storedView.parse(definition);
        this.#views.set(view.name, resolveView(view, this.#entity(view.entity, 'entity')));
        return;
      }
      case 'service': {
        const stored = featureStore.storedService.parse(definition);
        this.#services.set(stored.name, {
          stored,
          resolved: resolveService(
            stored,
            stored.views.map((name) => this.view(name, 'views')),
          ),
        });
      }
    }
  }

  putEntity(entity: featureStore.Entity): Promise<Stored['entity']> {
    return this.#put('entity', entity, (stored) => stored);
  }

  putView(view: featureStore.FeatureView): Promise<Stored['view']> {
    this.#entity(view.entity, 'entity');
    refuseRepeats(
      view.aggregations.map((aggregation) => aggregation.feature),
      'aggregations',
      'feature',
    );
    refuseRepeats(view.windows, 'windows');
    return this.#put('view', view, (stored) => stored);
  }

  putService(service: featureStore.FeatureService): Promise<Stored['service']> {
    const resolved = resolveService(
      service,
      service.views.map((name, index) => this.view(name, `views[${index}]`, 'invalid_argument')),
    );
    refuseRepeats(service.views, 'views');
    refuseRepeats(resolved.features, 'onDemand', 'feature');
    const entities = [
      ...new Map(resolved.views.map(({ entity }) => [entity.name, entity])).values(),
    ];
    const features = [
      ...resolved.views.flatMap(({ view, plan }) =>
        plan.outputs.map((output) => ({ name: `${view.name}__${output.name}`, view: view.name })),
      ),
      ...service.onDemand.map((feature) => ({ name: feature.feature, view: null })),
    ];
    return this.#put('service', service, (stored: featureStore.FeatureService) => ({
      ...stored,
      features,
      entities,
      requestColumns: [...resolved.requestColumns],
    }));
  }

  view(
    name: string,
    field: string,
    code: 'not_found' | 'invalid_argument' = 'not_found',
  ): ResolvedView {
    const view = this.#views.get(name);
    if (view) return view;
    if (code === 'invalid_argument') throw invalid(field, `there is no feature view "${name}"`);
    throw new AppError('not_found', 'there is no such feature view', { details: { view: name } });
  }

  service(name: string): ResolvedService {
    return this.#service(name).resolved;
  }

  storedService(name: string): Stored['service'] {
    return this.#service(name).stored;
  }

  findService(name: string): ResolvedService | undefined {
    return this.#services.get(name)?.resolved;
  }

  views(): readonly ResolvedView[] {
    return [...this.#views.values()];
  }

  list(): { entities: Stored['entity'][]; views: Stored['view'][]; services: Stored['service'][] } {
    return {
      entities: [...this.#entities.values()],
      views: [...this.#views.values()].map(({ view }) => view),
      services: [...this.#services.values()].map(({ stored }) => stored),
    };
  }

  #service(name: string): { stored: Stored['service']; resolved: ResolvedService } {
    const service = this.#services.get(name);
    if (!service)
      throw new AppError('not_found', 'there is no such feature service', {
        details: { service: name },
      });
    return service;
  }

  #entity(name: string, field: string): Stored['entity'] {
    const entity = this.#entities.get(name);
    if (!entity) throw invalid(field, `there is no entity "${name}"`);
    return entity;
  }

  async #put<K extends Kind>(
    kind: K,
    definition: { name: string },
    complete: (stored: never) => Stored[K] | object,
  ): Promise<Stored[K]> {
    const hash = sha256(canonicalJson(definition));
    const stored = await this.#sql.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtext($1))', [
        `definition/${kind}/${definition.name}`,
      ]);
      const [current] = await tx.query<{ version: number; hash: string; definition: Stored[K] }>(
        'select version, hash, definition from definitions where kind = $1 and name = $2',
        [kind, definition.name],
      );
      if (current?.hash === hash) return current.definition;
      const version = (current?.version ?? 0) + 1;
      const updatedAt = new Date(this.#clock.nowMs()).toISOString();
      const next = complete({ ...definition, version, hash, updatedAt } as never) as Stored[K]; // the definition and what is stored beside it
      await tx.query(
        `insert into definitions (kind, name, version, hash, definition) values ($1, $2, $3, $4, $5)
         on conflict (kind, name) do update set version = excluded.version, hash = excluded.hash, definition = excluded.definition`,
        [kind, definition.name, version, hash, JSON.stringify(next)],
      );
      await this.#outbox.add(tx, featureStore.definitionChanged, {
        kind,
        definition: next,
      } as never);
      return next;
    });
    this.#outbox.wake();
    this.apply(kind, stored);
    return stored;
  }
}

function refuseRepeats(names: readonly string[], field: string, member?: string): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name))
      throw invalid(`${field}[${index}]${member ? `.${member}` : ''}`, `"${name}" is there twice`);
    seen.add(name);
  }
}
