import { stringify } from 'yaml';
import { schemaText } from './mlflow-signature.ts';
import type { MlflowSignature } from './mlflow-signature.ts';

export type MlmodelParts = {
  readonly signature: MlflowSignature;
  /** Its place for MLflow: the path in the run, or the logged model's URI. */
  readonly artifactPath: string;
  readonly runId?: string;
  readonly modelId?: string;
  readonly createdMs: number;
  /** Bytes of the model's own file. */
  readonly sizeBytes: number;
  /** Strings only, so that equal values make equal bytes. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the Python client installs to score; pinned, so that the folder's bytes do not depend on the day. */
  readonly versions?: Partial<PythonVersions>;
};

export type PythonVersions = {
  readonly python: string;
  readonly mlflow: string;
  readonly onnx: string;
  readonly onnxruntime: string;
};

export const pythonVersions: PythonVersions = Object.freeze({
  python: '3.11.7',
  mlflow: '3.17.2',
  onnx: '1.23.2',
  onnxruntime: '1.32.0',
});

/** YAML 1.1, so that texts which PyYAML takes for numbers, dates or booleans are quoted. */
const pyYaml = { version: '1.1', lineWidth: 0 } as const;

/** Where the ONNX file lies in the folder. */
export const onnxFileName = 'model.onnx';

/**
 * The texts that make a folder with `model.onnx` an MLflow model which the unmodified Python client loads and scores, by
 * file name. One thread is prescribed there too, so that Python's scores have the same bits.
 */
export function writeMlmodel(parts: MlmodelParts): Readonly<Record<string, string>> {
  const versions = { ...pythonVersions, ...parts.versions };
  const requirements = [
    `mlflow==${versions.mlflow}`,
    `onnx==${versions.onnx}`,
    `onnxruntime==${versions.onnxruntime}`,
  ];
  return {
    MLmodel: mlmodelText(parts, versions),
    'requirements.txt': requirements.map((line) => `${line}\n`).join(''),
    'conda.yaml': stringify(
      {
        channels: ['conda-forge'],
        dependencies: [`python=${versions.python}`, 'pip', { pip: requirements }],
        name: 'mlflow-env',
      },
      pyYaml,
    ),
    'python_env.yaml': stringify(
      {
        python: versions.python,
        build_dependencies: ['pip', 'setuptools', 'wheel'],
        dependencies: ['-r requirements.txt'],
      },
      pyYaml,
    ),
  };
}

function mlmodelText(parts: MlmodelParts, versions: PythonVersions): string {
  const { signature, metadata } = parts;
  const root = {
    artifact_path: parts.artifactPath,
    flavors: {
      onnx: {
        code: null,
        data: onnxFileName,
        onnx_session_options: { intra_op_num_threads: 1, inter_op_num_threads: 1 },
        onnx_version: versions.onnx,
        providers: ['CPUExecutionProvider'],
      },
      python_function: {
        data: onnxFileName,
        env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
        loader_module: 'mlflow.onnx',
        python_version: versions.python,
      },
    },
    ...(metadata && { metadata }),
    mlflow_version: versions.mlflow,
    ...(parts.modelId !== undefined && { model_id: parts.modelId, model_uuid: parts.modelId }),
    model_size_bytes: parts.sizeBytes,
    ...(parts.runId !== undefined && { run_id: parts.runId }),
    signature: {
      inputs: signature.inputs ? schemaText(signature.inputs) : null,
      outputs: signature.outputs ? schemaText(signature.outputs) : null,
      params: null,
    },
    utc_time_created: utcTime(parts.createdMs),
  };
  return stringify(root, pyYaml);
}

/** As Python prints it: `2026-11-24 23:31:00.123000`. */
function utcTime(ms: number): string {
  return `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}000`;
}
