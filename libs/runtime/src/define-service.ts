import type { Clock, Logger, Scope } from '@flywheel/core';
import type { Owner } from '@flywheel/contracts';
import type { HttpServer, Peers } from '@flywheel/http';
import type { Bus } from '@flywheel/kafka';
import type { Analytics, Migration, ObjectStore, OnlineStore, Sql } from '@flywheel/storage';
import type { z } from 'zod';
import type { Metrics } from './metrics.ts';

/** Objects of every service by absolute key, to read only: `tracking/artifacts/…`, `ingestion/lake/…`. */
export type PublicObjects = Pick<ObjectStore, 'get' | 'open' | 'stat' | 'list' | 'localFile'>;

/** All that a service may use. It takes what it needs, so that its signature tells its dependencies. */
export type ServiceContext<Config> = {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  /** Closes when the service stops; whoever acquires defers the release here. */
  readonly scope: Scope;
  /** Aborted when the process begins to stop. */
  readonly signal: AbortSignal;
  /** Unique for this start of this process. */
  readonly instance: string;
  /** Bound to the service: its consumer groups, and only its own topics to publish on. */
  readonly bus: Bus;
  readonly http: Pick<HttpServer, 'operation' | 'route' | 'errorShapeFor'>;
  /** Calls operations of other services: directly in the same process, else over HTTP. */
  readonly peers: Peers;
  /** Base address of a service, for what is not an operation (artifacts, streams). */
  readonly urlOf: (service: Owner) => string;
  /** Opens the service's own schema and brings it up to date. */
  readonly openSql: (migrations: readonly Migration[]) => Promise<Sql>;
  /** Key-value store of the service. */
  readonly openOnlineStore: () => Promise<OnlineStore>;
  /** Objects under the service's own prefix. */
  readonly objects: ObjectStore;
  readonly publicObjects: PublicObjects;
  /** A DuckDB of its own that may read the object store's local files and the service's folder. */
  readonly openAnalytics: (options?: {
    threads?: number;
    memoryLimitMb?: number;
  }) => Promise<Analytics>;
  readonly metrics: Metrics;
  /** A local folder of the service's own: scratch files, spools. */
  readonly folder: string;
  /** Background work; its failure stops the process. */
  readonly spawn: (name: string, work: Promise<unknown>) => void;
};

export type Service<Config = unknown> = {
  readonly name: Owner;
  readonly config: z.ZodType<Config>;
  start(context: ServiceContext<Config>): Promise<void>;
};

/** A service is a value: a name, the variables it reads, and one function that starts it. */
export function defineService<Schema extends z.ZodType>(definition: {
  name: Owner;
  config: Schema;
  start: (context: ServiceContext<z.output<Schema>>) => Promise<void>;
}): Service<z.output<Schema>> {
  return Object.freeze({ ...definition, config: definition.config as z.ZodType<z.output<Schema>> });
}
