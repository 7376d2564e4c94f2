import { AppError, sha256 } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import { aTensorOf, measureRunMs, OnnxModel } from '@flywheel/inference';
import type { ModelPool, ModelSignature } from '@flywheel/inference';
import type { PublicObjects } from '@flywheel/runtime';

/** A model that takes longer for a row than this would hold up everybody else: it runs in the pool. */
const INLINE_BELOW_MS = 0.5;

export type Scored = { scores: number[]; modelMs: number };

/** A binary classifier over one tensor of features, scored row by row so that the bits are those of training. */
export class LoadedModel implements AsyncDisposable {
  readonly #model: OnnxModel;
  readonly #pool: ModelPool;
  readonly #id: string;
  readonly #isQuick: boolean;
  readonly #input: string;
  readonly #output: string;
  readonly features: number;
  #users = 0;
  #whenUnused: (() => void) | undefined;

  private constructor(parts: {
    model: OnnxModel;
    pool: ModelPool;
    id: string;
    isQuick: boolean;
    input: string;
    output: string;
    features: number;
  }) {
    this.#model = parts.model;
    this.#pool = parts.pool;
    this.#id = parts.id;
    this.#isQuick = parts.isQuick;
    this.#input = parts.input;
    this.#output = parts.output;
    this.features = parts.features;
  }

  /** Loads and checks: the digest must be the registry's, the signature one that an endpoint can serve. */
  static async load(
    variant: registry.Variant,
    { objects, pool }: { objects: PublicObjects; pool: ModelPool },
  ): Promise<LoadedModel> {
    const bytes = await readArtifact(variant, objects);
    const model = await OnnxModel.load(bytes);
    try {
      const { input, output, features } = classifierTensors(model.signature, variant);
      const milliseconds = await measureRunMs(model, {
        inputs: [
          aTensorOf(
            input,
            'FP32',
            [1, Math.max(features, 1)],
            new Float32Array(Math.max(features, 1)),
          ),
        ],
      });
      const isQuick = milliseconds !== undefined && milliseconds < INLINE_BELOW_MS;
      const id = variant.artifact.sha256;
      if (!isQuick && !pool.has(id)) await pool.load(id, bytes);
      return new LoadedModel({
        model,
        pool,
        id,
        isQuick,
        input,
        output,
        features,
      });
    } catch (error) {
      await model[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Probability of the positive class of each row; `vectors` is rows x features, NaN where a value is missing. */
  async score(vectors: Float32Array, rows: number): Promise<Scored> {
    const startedMs = performance.now();
    const inputs = [aTensorOf(this.#input, 'FP32', [rows, vectors.length / rows], vectors)];
    const [output] = this.#isQuick
      ? await this.#model.runRows(inputs, [this.#output])
      : await this.#pool.run(this.#id, inputs, { outputs: [this.#output], rowByRow: true });
    return {
      scores: positiveScores(output?.data as Float32Array, rows),
      modelMs: (performance.now() - startedMs) / rows,
    };
  }

  /**
   * Keeps the model for a request from its first moment to its last: between the two the request waits for features,
   * and a deployment may change.
   */
  use(): Disposable {
    this.#users++;
    return {
      [Symbol.dispose]: () => {
        this.#users--;
        if (this.#users === 0) this.#whenUnused?.();
      },
    };
  }

  /** Waits for the requests that use it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#users > 0) await new Promise<void>((resolve) => (this.#whenUnused = resolve));
    await this.#model[Symbol.asyncDispose]();
  }
}

/** The tensors of a binary classifier, if the model is one that an endpoint can serve, as champion or as shadow. */
export function classifierTensors(
  signature: ModelSignature,
  variant: registry.Variant,
): { input: string; output: string; features: number } {
  const [input] = signature.inputs;
  const output = signature.outputs.find((one) => one.datatype === 'FP32');
  if (
    signature.inputs.length !== 1 ||
    input?.datatype !== 'FP32' ||
    input.shape.length !== 2 ||
    !output
  )
    throw new AppError(
      'invalid_argument',
      'an endpoint serves models with one FP32 input [rows, features] and an FP32 output',
      { details: { variant: variant.name } },
    );
  return { input: input.name, output: output.name, features: input.shape[1] ?? -1 };
}

/** The bytes of a variant's artifact, if they are those the registry recorded. */
export async function readArtifact(
  variant: registry.Variant,
  objects: PublicObjects,
): Promise<Uint8Array> {
  const bytes = await objects.get(variant.artifact.objectKey);
  if (!bytes)
    throw new AppError('unavailable', 'the artifact of a model is not there', {
      details: { variant: variant.name, objectKey: variant.artifact.objectKey },
    });
  if (sha256(bytes) !== variant.artifact.sha256)
    throw new AppError('internal', 'the artifact of a model is not the one that was registered', {
      details: { variant: variant.name },
    });
  return bytes;
}

/** The last column of [rows, classes] is the positive class. */
export function positiveScores(data: Float32Array, rows: number): number[] {
  const classes = data.length / rows;
  return Array.from({ length: rows }, (_, row) => data[row * classes + classes - 1] as number);
}
