/** What an algorithm reports after each iteration; iterations count from 1. Losses are weighted means. */
export type TrainingProgress = {
  readonly iteration: number;
  /** Iterations planned; early stopping or convergence may end sooner. */
  readonly iterations: number;
  readonly trainLogLoss: number;
  readonly validLogLoss?: number;
  readonly validAuc?: number;
};

export type TrainingHooks = {
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
  /** Looked at between iterations. */
  readonly signal?: AbortSignal | undefined;
};
