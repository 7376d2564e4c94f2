/** What a codec accepts at most; more is refused before it costs memory. */
export type InferLimits = {
  readonly maxBodyBytes: number;
  readonly maxTensors: number;
  /** Of one tensor. */
  readonly maxElements: number;
  /** Of one BYTES tensor: each element costs some 100 bytes beyond its own. */
  readonly maxByteElements: number;
  readonly maxRank: number;
  readonly maxDepth: number;
};

export const defaultLimits: InferLimits = Object.freeze({
  maxBodyBytes: 64 * 1024 * 1024,
  maxTensors: 4096,
  maxElements: 16 * 1024 * 1024,
  maxByteElements: 1024 * 1024,
  maxRank: 32,
  maxDepth: 100,
});
