import { AppError, canonicalJson, invalid, sha256 } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { featureStore } from '@flywheel/contracts';
import type { Outbox } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { refuseRepeats, refuseSameColumns } from './refuse-repeats.ts';
import { refuseUnstorable } from './refuse-unstorable.ts';
import { describeService, resolveService, resolveView } from './resolved-service.ts';
import type { ResolvedService, ResolvedView } from './resolved-service.ts';

type Stored = {
  entity: featureStore.StoredEntity;
  view: featureStore.StoredView;
  service: featureStore.StoredService;
};
type Kind = keyof Stored;
type AsStored<Definition> = Definition & { version: number; hash: string; updatedAt: string };

/** Entities, views and services: kept in SQL, answered from memory. An unchanged definition keeps its version. */
export class DefinitionStore {
  readonly #sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #entities = new Map<string, Stored['entity']>();
  readonly #views = new Map<string, Stored['view']>();
  readonly #services = new Map<string, Stored['service']>();
  /** What the definitions of this moment resolve to; made when asked for. */
  readonly #resolvedViews = new Map<string, ResolvedView>();
  readonly #resolvedServices = new Map<string, ResolvedService>();

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

  /**
   * Takes a stored definition into memory: what another instance wrote, or what was there at start. The log also tells
   * what is older than that, which changes nothing.
   */
  apply(kind: Kind, definition: unknown): void {
    switch (kind) {
      case 'entity':
        this.#keep(this.#entities, featureStore.storedEntity.parse(definition));
        break;
      case 'view':
        this.#keep(this.#views, featureStore.storedView.parse(definition));
        break;
      case 'service':
        this.#keep(this.#services, featureStore.storedService.parse(definition));
    }
  }

  putEntity(entity: featureStore.Entity): Promise<Stored['entity']> {
    refuseRepeats(entity.keys, 'keys');
    return this.#put('entity', entity, (stored: AsStored<featureStore.Entity>) => stored);
  }

  putView(view: featureStore.FeatureView): Promise<Stored['view']> {
    this.#entity(view.entity);
    refuseRepeats(
      view.sources.map((source) =>
        source.kind === 'dataset' ? `dataset ${source.dataset}` : `outcomes ${source.endpoint}`,
      ),
      'sources',
    );
    refuseRepeats(
      view.aggregations.map((aggregation) => aggregation.feature),
      'aggregations',
      '.feature',
    );
    refuseRepeats(view.windows, 'windows');
    return this.#put('view', view, (stored: AsStored<featureStore.FeatureView>) => stored);
  }

  async putService(service: featureStore.FeatureService): Promise<Stored['service']> {
    const views = service.views.map((name, index) =>
      this.view(name, `views[${index}]`, 'invalid_argument'),
    );
    refuseRepeats(service.views, 'views');
    refuseSameColumns(service, views);
    const described = describeService(resolveService(service, views));
    await this.#put('service', service, (stored: AsStored<featureStore.FeatureService>) => ({
      ...stored,
      ...described,
    }));
    return this.storedService(service.name);
  }

  view(
    name: string,
    field: string,
    code: 'not_found' | 'invalid_argument' = 'not_found',
  ): ResolvedView {
    const known = this.#resolvedViews.get(name);
    if (known) return known;
    const view = this.#views.get(name);
    if (!view && code === 'invalid_argument')
      throw invalid(field, `there is no feature view "${name}"`);
    if (!view)
      throw new AppError('not_found', 'there is no such feature view', {
        details: { field, view: name },
      });
    const resolved = resolveView(view, this.#entity(view.entity));
    this.#resolvedViews.set(name, resolved);
    return resolved;
  }

  service(name: string): ResolvedService {
    const known = this.#resolvedServices.get(name);
    if (known) return known;
    const service = this.#services.get(name);
    if (!service)
      throw new AppError('not_found', 'there is no such feature service', {
        details: { service: name },
      });
    const resolved = resolveService(
      service,
      service.views.map((view, index) => this.view(view, `views[${index}]`)),
    );
    this.#resolvedServices.set(name, resolved);
    return resolved;
  }

  storedService(name: string): Stored['service'] {
    const resolved = this.service(name);
    return { ...(this.#services.get(name) as Stored['service']), ...describeService(resolved) }; // it was resolved, so it is there
  }

  views(): readonly ResolvedView[] {
    return [...this.#views.keys()].map((name) => this.view(name, 'view'));
  }

  list(): { entities: Stored['entity'][]; views: Stored['view'][]; services: Stored['service'][] } {
    return {
      entities: [...this.#entities.values()],
      views: [...this.#views.values()],
      services: [...this.#services.keys()].map((name) => this.storedService(name)),
    };
  }

  #keep<Definition extends { name: string; version: number }>(
    definitions: Map<string, Definition>,
    definition: Definition,
  ): void {
    const current = definitions.get(definition.name);
    if (current && current.version > definition.version) return;
    definitions.set(definition.name, definition);
    this.#resolvedViews.clear();
    this.#resolvedServices.clear();
  }

  #entity(name: string): Stored['entity'] {
    const entity = this.#entities.get(name);
    if (!entity) throw invalid('entity', `there is no entity "${name}"`);
    return entity;
  }

  async #put<K extends Kind, Definition extends { name: string }>(
    kind: K,
    definition: Definition,
    complete: (stored: AsStored<Definition>) => Stored[K],
  ): Promise<Stored[K]> {
    refuseUnstorable(definition);
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
      const next = complete({ ...definition, version, hash, updatedAt });
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
