export { arrayOver, datatypes, elementBytes, isDatatype, newArray } from './tensors/datatype.ts';
export type { DataByDatatype, Datatype, FixedArray, FixedDatatype } from './tensors/datatype.ts';
export { aTensorOf, elementCount, tensorBytes } from './tensors/tensor.ts';
export type { Parameters, ParameterValue, Tensor } from './tensors/tensor.ts';
export { float16ToNumber, numberToFloat16 } from './tensors/float16.ts';
export { parseInferRequest } from './oip/parse-infer-request.ts';
export type { InferRequest, RequestedOutput } from './oip/parse-infer-request.ts';
export { parseInferResponse } from './oip/parse-infer-response.ts';
export { encodeInferRequest } from './oip/encode-infer-request.ts';
export { encodeInferResponse, wantsBinary } from './oip/encode-infer-response.ts';
export type { EncodeOptions, InferResponse } from './oip/encode-infer-response.ts';
export type { EncodedBody } from './oip/write-tensor.ts';
export { headerLengthName, parseHeaderLength } from './oip/header-length.ts';
export { defaultLimits } from './oip/limits.ts';
export type { InferLimits } from './oip/limits.ts';
export { checkRequest } from './signature/check-request.ts';
export type { ModelSignature, TensorSpec } from './signature/model-signature.ts';
export { OnnxModel } from './onnx/onnx-model.ts';
export type { OnnxOptions } from './onnx/onnx-model.ts';
export { readOnnxFile } from './onnx/onnx-file.ts';
export type { OnnxFile } from './onnx/onnx-file.ts';
export { measureRunMs } from './onnx/measure-run.ts';
export { openModelPool } from './pool/model-pool.ts';
export type { ModelPool, PoolCounts, PoolOptions } from './pool/model-pool.ts';
export type { RunOptions } from './pool/pool-run.ts';
export { readMlmodel } from './mlflow/mlmodel.ts';
export type { Mlmodel } from './mlflow/mlmodel.ts';
export { onnxFileName, pythonVersions, writeMlmodel } from './mlflow/write-mlmodel.ts';
export type { MlmodelParts, PythonVersions } from './mlflow/write-mlmodel.ts';
export { schemaOfSpecs } from './mlflow/mlflow-signature.ts';
export type {
  ColumnType,
  MlflowColumn,
  MlflowSchema,
  MlflowSignature,
  MlflowTensor,
} from './mlflow/mlflow-signature.ts';
export { parseInvocations } from './mlflow/parse-invocations.ts';
export type { Invocation, InvocationTarget } from './mlflow/parse-invocations.ts';
export { encodePredictions } from './mlflow/encode-predictions.ts';
export type { JsonObject, JsonValue } from './json/json-scanner.ts';
