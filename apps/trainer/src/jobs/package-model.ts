import { OnnxModel, onnxFileName, writeMlmodel } from '@flywheel/inference';
import type { Tensor } from '@flywheel/inference';
import { aTensorOf } from '@flywheel/inference';
import type { TrainedModel } from '../algorithms/model.ts';
import type { TrainingTable } from '../algorithms/training-table.ts';
import { spreadRows, verifyParity } from '../onnx/verify-parity.ts';
import type { ParityReport } from '../onnx/verify-parity.ts';

/** Rows whose bits are compared: all of a small validation set, evenly spread ones of a large. */
const PARITY_ROWS = 20_000;

/** Scores of the trainer and of ONNX Runtime (one thread, row by row), bit by bit. */
export async function checkParity(
  model: TrainedModel,
  onnx: Uint8Array,
  table: TrainingTable,
  signal: AbortSignal,
): Promise<ParityReport> {
  await using runtime = await OnnxModel.load(onnx);
  return await verifyParity({
    model,
    rows: spreadRows(table, PARITY_ROWS),
    signal,
    runOnnx: async (features) => {
      const [label, probabilities] = await runtime.run(
        [aTensorOf('features', 'FP32', [1, features.length], features)],
        ['label', 'probabilities'],
      );
      return {
        label: Number((label as Tensor<'INT64'>).data[0]),
        probabilities: (probabilities as Tensor<'FP32'>).data,
      };
    },
  });
}

/** Files of the model's folder, by name: what any MLflow client loads, and the ONNX file itself. */
export async function packageModel(
  onnx: Uint8Array,
  parts: {
    artifactPath: string;
    runId: string;
    createdMs: number;
    metadata: Readonly<Record<string, string>>;
  },
): Promise<Map<string, Uint8Array>> {
  await using runtime = await OnnxModel.load(onnx);
  const tensor = ({ name, shape }: { name: string; shape: readonly number[] }, dtype: string) => ({
    name,
    dtype,
    shape,
  });
  const texts = writeMlmodel({
    ...parts,
    sizeBytes: onnx.byteLength,
    signature: {
      inputs: {
        kind: 'tensors',
        tensors: runtime.signature.inputs.map((input) => tensor(input, 'float32')),
      },
      outputs: {
        kind: 'tensors',
        tensors: runtime.signature.outputs.map((output) =>
          tensor(output, output.datatype === 'INT64' ? 'int64' : 'float32'),
        ),
      },
    },
  });
  return new Map<string, Uint8Array>([
    ...Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)] as const),
    [onnxFileName, onnx],
  ]);
}
