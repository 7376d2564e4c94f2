import { readFile } from 'node:fs/promises';
import { AppError, invalid } from '@flywheel/core';
import { env, InferenceSession } from 'onnxruntime-node';
import { checkRequest } from '../signature/check-request.ts';
import type { ModelSignature } from '../signature/model-signature.ts';
import { noParameters } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import { notOnnx, readOnnxFile } from './onnx-file.ts';
import type { OnnxFile } from './onnx-file.ts';
import { joinRows, rowCount, sliceRow } from './rows.ts';
import { fromRuntime, toRuntime } from './runtime-tensors.ts';

export type OnnxOptions = {
  /** More than one changes the last bits of results from machine to machine; 1 by default. */
  readonly intraOpThreads?: number;
};

/**
 * One model in ONNX Runtime on the CPU. Its `run` computes on the calling thread: what takes longer than about 0.2 ms
 * belongs into a model pool. Disposing waits for the runs under way.
 */
export class OnnxModel implements AsyncDisposable {
  readonly signature: ModelSignature;
  readonly file: OnnxFile;
  readonly #session: InferenceSession;
  #running = 0;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  private constructor(session: InferenceSession, file: OnnxFile) {
    this.#session = session;
    this.file = file;
    this.signature = file.signature;
  }

  /** From the bytes of an ONNX file, or its path. A file that cannot be served is `invalid_argument`. */
  static async load(source: Uint8Array | string, options: OnnxOptions = {}): Promise<OnnxModel> {
    const bytes = typeof source === 'string' ? await readModelFile(source) : source;
    const file = readOnnxFile(bytes);
    // What the runtime thinks of a caller's mistake goes into the error, not to standard error.
    env.logLevel = 'fatal';
    const sessionOptions: InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.intraOpThreads ?? 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    };
    try {
      const session =
        typeof source === 'string'
          ? await InferenceSession.create(source, sessionOptions)
          : await InferenceSession.create(source, sessionOptions);
      return new OnnxModel(session, file);
    } catch (error) {
      throw notOnnx(error);
    }
  }

  /** `metadata_props` of the file. */
  get metadata(): Readonly<Record<string, string>> {
    return this.file.metadata;
  }

  /**
   * The outputs (all, or those named, in the order named) for these inputs. What does not fit the signature, and what the
   * model cannot compute with, is `invalid_argument`.
   */
  async run(inputs: readonly Tensor[], outputs?: readonly string[]): Promise<readonly Tensor[]> {
    checkRequest(
      { inputs, outputs: outputs?.map((name) => ({ name, parameters: noParameters })) },
      this.signature,
    );
    return this.#use(() => this.#run(inputs, outputs));
  }

  /**
   * The same with each row run alone: the bits do not depend on which rows stand in one batch, which for linear models
   * they otherwise do. The first dimension of every input and output counts the rows.
   */
  async runRows(
    inputs: readonly Tensor[],
    outputs?: readonly string[],
  ): Promise<readonly Tensor[]> {
    checkRequest(
      { inputs, outputs: outputs?.map((name) => ({ name, parameters: noParameters })) },
      this.signature,
    );
    const rows = rowCount(inputs);
    if (rows <= 1) return this.run(inputs, outputs);
    return this.#use(async () => {
      const answers: (readonly Tensor[])[] = [];
      for (let row = 0; row < rows; row += 1) {
        const alone = inputs.map((tensor) => sliceRow(tensor, row));
        answers.push(await this.#run(alone, outputs));
      }
      return joinRows(answers);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new AppError('unavailable', 'the model is closed');
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#whenIdle?.();
    }
  }

  async #run(
    inputs: readonly Tensor[],
    outputs: readonly string[] | undefined,
  ): Promise<readonly Tensor[]> {
    const feeds: Record<string, ReturnType<typeof toRuntime>> = {};
    inputs.forEach((tensor, index) => {
      feeds[tensor.name] = toRuntime(tensor, `inputs[${index}]`);
    });
    const names = outputs ?? this.signature.outputs.map(({ name }) => name);
    const results = await this.#session.run(feeds, names, quiet).catch(refusedByModel);
    return names.map((name) => {
      const result = results[name];
      if (!result) throw new Error(`the runtime gave no ${name}`);
      return fromRuntime(name, result);
    });
  }

  async #close(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#session.release();
  }
}

const quiet: InferenceSession.RunOptions = { logSeverityLevel: 4 };

async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AppError('not_found', 'the model file cannot be read', { details: { path }, cause });
  }
}

/** Types and fixed dimensions have been checked before, so what is left are values that the model cannot take. */
function refusedByModel(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message.slice(0, 500) : undefined;
  if (reason && /bad_alloc|failed to allocate/i.test(reason))
    throw new AppError('resource_exhausted', 'not enough memory to run the model', { cause });
  throw invalid('inputs', 'must be values that the model can compute with', { reason });
}
