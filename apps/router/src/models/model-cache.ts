import type { registry } from '@flywheel/contracts';
import type { ModelPool } from '@flywheel/inference';
import type { PublicObjects } from '@flywheel/runtime';
import { LoadedModel } from './loaded-model.ts';

/** Loaded models by the digest of their bytes: one copy, however many endpoints and revisions use it. */
export class ModelCache implements AsyncDisposable {
  readonly #models = new Map<string, Promise<LoadedModel>>();
  readonly #parts: { objects: PublicObjects; pool: ModelPool };

  constructor(parts: { objects: PublicObjects; pool: ModelPool }) {
    this.#parts = parts;
  }

  async load(variant: registry.Variant): Promise<LoadedModel> {
    const digest = variant.artifact.sha256;
    let model = this.#models.get(digest);
    if (!model) {
      model = LoadedModel.load(variant, this.#parts);
      this.#models.set(digest, model);
      model.catch(() => this.#models.delete(digest)); // the next attempt loads anew
    }
    return model;
  }

  /** Lets go of what nobody needs any more; what still runs finishes first. */
  async keepOnly(digests: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#models].filter(([digest]) => !digests.has(digest));
    for (const [digest] of gone) this.#models.delete(digest);
    await Promise.all(gone.map(([digest, model]) => this.#letGo(digest, model)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.keepOnly(new Set());
  }

  async #letGo(digest: string, loading: Promise<LoadedModel>): Promise<void> {
    const model = await loading.catch(() => undefined); // told to whoever asked for it
    await model?.[Symbol.asyncDispose]();
    if (!this.#models.has(digest)) await this.#parts.pool.unload(digest);
  }
}
