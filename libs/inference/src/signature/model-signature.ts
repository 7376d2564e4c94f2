import type { Datatype } from '../tensors/datatype.ts';

/** What a model takes or gives under one name. */
export type TensorSpec = {
  readonly name: string;
  readonly datatype: Datatype;
  /** −1 stands for a dimension that varies. */
  readonly shape: readonly number[];
  /** The model does not tell how many dimensions; `shape` is then `[-1]` and binds nobody. */
  readonly anyRank?: true;
};

export type ModelSignature = {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
};
