import { AppError } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';

/** What is deployed, as the registry tells it: the newest revision of each endpoint. */
export class Deployments {
  readonly #byEndpoint = new Map<string, registry.Deployment>();
  #isComplete = false;

  apply(deployment: registry.Deployment): void {
    const known = this.#byEndpoint.get(deployment.endpoint);
    if (!known || known.revision < deployment.revision)
      this.#byEndpoint.set(deployment.endpoint, deployment);
  }

  remove(endpoint: string): void {
    this.#byEndpoint.delete(endpoint);
  }

  /** Everything that was deployed before the start has been seen: what is not here is not there. */
  complete(): void {
    this.#isComplete = true;
  }

  get(endpoint: string): registry.Deployment {
    const deployment = this.#byEndpoint.get(endpoint);
    if (deployment) return deployment;
    if (!this.#isComplete) throw new AppError('unavailable', 'the deployments are being read');
    throw new AppError('not_found', 'there is no such endpoint', { details: { endpoint } });
  }
}
