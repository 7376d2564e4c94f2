import { AppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import type { LoadedModel } from '../models/loaded-model.ts';
import type { EndpointInputs } from '../answering/endpoint-inputs.ts';

/** An endpoint that can answer: all its answering models are loaded. */
export type Route = {
  readonly deployment: registry.Deployment;
  /** Of champion and challengers, by variant name. */
  readonly models: ReadonlyMap<string, LoadedModel>;
  readonly inputs: EndpointInputs;
};

export type PrepareRoute = (deployment: registry.Deployment) => Promise<Route>;

/**
 * What is deployed. A new revision takes over only when everything it needs is there; until then the old one answers,
 * so that a change never costs a request.
 */
export class RouteTable {
  readonly #routes = new Map<string, Route>();
  readonly #newest = new Map<string, registry.Deployment>();
  /** All revisions seen since the start: the log may still hold predictions of older ones. */
  readonly #history = new Map<string, Map<number, registry.Deployment>>();
  readonly #prepare: PrepareRoute;
  readonly #log: Logger;
  #isComplete = false;

  constructor(options: { prepare: PrepareRoute; log: Logger }) {
    this.#prepare = options.prepare;
    this.#log = options.log;
  }

  /**
   * Takes a deployment; what is older or answers already is ignored. Resolves when it answers; a failed preparation
   * leaves the old one, and the same revision may be tried again.
   */
  async replace(deployment: registry.Deployment): Promise<void> {
    const { endpoint, revision } = deployment;
    const history = this.#history.get(endpoint) ?? new Map<number, registry.Deployment>();
    this.#history.set(endpoint, history.set(revision, deployment));
    if (revision < (this.#newest.get(endpoint)?.revision ?? -1)) return;
    if (this.#routes.get(endpoint)?.deployment.revision === revision) return;
    this.#newest.set(endpoint, deployment);
    const route = await this.#prepare(deployment);
    if (this.#newest.get(endpoint)?.revision !== revision) return; // a newer one came meanwhile
    this.#routes.set(endpoint, route);
    this.#log.info(
      {
        endpoint,
        revision,
        variants: deployment.variants.map((variant) => `${variant.role} ${variant.name}`),
      },
      'a deployment answers',
    );
  }

  /** Everything that was deployed before the start has been seen: what is not here is not there. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Every deployed endpoint can answer. */
  get isReady(): boolean {
    return this.#isComplete && [...this.#newest.keys()].every((name) => this.#routes.has(name));
  }

  remove(endpoint: string): void {
    this.#newest.delete(endpoint);
    this.#routes.delete(endpoint);
  }

  find(endpoint: string): Route | undefined {
    return this.#routes.get(endpoint);
  }

  route(endpoint: string): Route {
    const route = this.#routes.get(endpoint);
    if (route) return route;
    if (this.newest(endpoint))
      throw new AppError('unavailable', 'the model is being loaded', {
        details: { model: endpoint },
      });
    throw new AppError('not_found', 'there is no such model', {
      details: { model: endpoint.slice(0, 200) },
    });
  }

  endpoints(): string[] {
    return [...this.#newest.keys()];
  }

  /** The newest deployment, whether it answers yet or not; `unavailable` while nobody can know that there is none. */
  newest(endpoint: string): registry.Deployment | undefined {
    const newest = this.#newest.get(endpoint);
    if (!newest && !this.#isComplete)
      throw new AppError('unavailable', 'the deployments are being read');
    return newest;
  }

  /** The deployment a prediction was made under, else the current one. */
  deploymentAt(endpoint: string, revision: number): registry.Deployment | undefined {
    return this.#history.get(endpoint)?.get(revision) ?? this.#newest.get(endpoint);
  }

  /** Digests of models that any current deployment still needs. */
  digestsInUse(): Set<string> {
    const routes = [...this.#routes.values()].map((route) => route.deployment);
    return new Set(
      [...this.#newest.values(), ...routes].flatMap((deployment) =>
        deployment.variants.map((variant) => variant.artifact.sha256),
      ),
    );
  }
}
