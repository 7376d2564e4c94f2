export { identityModel, logisticModel, onnxModel, slowModel } from './testing/tiny-models.ts';
export type { TinyModel } from './testing/tiny-models.ts';
export { floatBytes, protobufMessage } from './testing/protobuf-writer.ts';
export type { Field, FieldValue } from './testing/protobuf-writer.ts';
