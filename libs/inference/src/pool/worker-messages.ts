import { AppError, toAppError } from '@flywheel/core';
import type { ErrorCode, ErrorDetails } from '@flywheel/core';
import { decodeBinary, encodeBinary } from '../oip/binary-data.ts';
import type { DataByDatatype, Datatype } from '../tensors/datatype.ts';
import { aTensorOf } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';

/** What the pool asks of a worker thread. */
export type WorkerRequest =
  | { readonly kind: 'load'; readonly id: string; readonly bytes: SharedArrayBuffer }
  | { readonly kind: 'unload'; readonly id: string }
  | { readonly kind: 'measure'; readonly id: string }
  | {
      readonly kind: 'run';
      readonly id: string;
      readonly inputs: readonly PackedTensor[];
      readonly outputs: readonly string[] | undefined;
      readonly rowByRow: boolean;
    };

export type WorkerCall = { readonly call: number; readonly request: WorkerRequest };

/** What the worker thread says: once that it is up, then one answer per call. */
export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly call: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly call: number; readonly error: PackedError };

export type PackedError = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails | undefined;
};

/** A tensor whose memory belongs to the message; BYTES in the protocol's binary form. */
export type PackedTensor = {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Exclude<DataByDatatype[Datatype], readonly Uint8Array[]>;
};

/** Copies the tensors into memory that can be handed over, and lists that memory. */
export function packTensors(tensors: readonly Tensor[]): {
  packed: readonly PackedTensor[];
  transfer: readonly ArrayBuffer[];
} {
  const packed = tensors.map((tensor) => ({
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: tensor.datatype === 'BYTES' ? encodeBinary(tensor) : tensor.data.slice(),
  }));
  return { packed, transfer: packed.map(({ data }) => data.buffer as ArrayBuffer) };
}

export function unpackTensors(packed: readonly PackedTensor[]): readonly Tensor[] {
  return packed.map(({ name, datatype, shape, data }) => {
    if (datatype !== 'BYTES') return aTensorOf(name, datatype, shape, data);
    const count = shape.reduce((product, dimension) => product * dimension, 1);
    const elements = decodeBinary(data as Uint8Array, datatype, { count, field: name });
    return aTensorOf(name, datatype, shape, elements);
  });
}

export function packError(thrown: unknown): PackedError {
  const { code, message, details, cause } = toAppError(thrown);
  const reason = code === 'internal' && cause instanceof Error ? { reason: cause.message } : {};
  return { code, message, details: { ...details, ...reason } };
}

export function unpackError({ code, message, details }: PackedError): AppError {
  return new AppError(code, message, details === undefined ? {} : { details });
}
