import { newArray } from '../tensors/datatype.ts';
import { aTensorOf, elementCount } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { TensorSpec } from '../signature/model-signature.ts';
import type { OnnxModel } from './onnx-model.ts';

/**
 * How long one run takes, in milliseconds: the median of `runs` after a warm-up. Without `inputs` one row of zeros is
 * used; undefined when the model cannot compute with that.
 */
export async function measureRunMs(
  model: OnnxModel,
  options: { readonly inputs?: readonly Tensor[]; readonly runs?: number } = {},
): Promise<number | undefined> {
  const { runs = 15 } = options;
  try {
    const inputs = options.inputs ?? model.signature.inputs.map(oneRowOfZeros);
    return await medianMs(runs, () => model.run(inputs));
  } catch (error) {
    if (options.inputs) throw error;
    return undefined;
  }
}

/** Two runs warm up. One that is slow beyond doubt answers at once: it need not block longer to be known as slow. */
async function medianMs(runs: number, run: () => Promise<unknown>): Promise<number> {
  const timesMs: number[] = [];
  for (let round = -2; round < runs; round += 1) {
    const startMs = performance.now();
    await run();
    const tookMs = performance.now() - startMs;
    if (tookMs > 50) return tookMs;
    if (round >= 0) timesMs.push(tookMs);
  }
  return timesMs.sort((left, right) => left - right)[runs >> 1] ?? 0;
}

function oneRowOfZeros({ name, datatype, shape: declared }: TensorSpec): Tensor {
  const shape = declared.map((dimension) => (dimension < 0 ? 1 : dimension));
  const count = elementCount(shape);
  const data =
    datatype === 'BYTES'
      ? Array.from({ length: count }, () => new Uint8Array(0))
      : newArray(datatype, count);
  return aTensorOf(name, datatype, shape, data);
}
