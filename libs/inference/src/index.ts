export { arrayOver, datatypes, elementBytes, isDatatype, newArray } from './tensors/datatype.ts';
export type {
  DataByDatatype,
  Datatype,
  FixedArray,
  FixedDatatype,
} from './tensors/datatype.ts';
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
