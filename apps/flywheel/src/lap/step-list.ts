import type { LapReport } from '@flywheel/contracts';
import { explain } from '@flywheel/runtime';
import type { Progress, StepProgress } from './progress.ts';

export type Facts = Record<string, string | number | boolean>;

/** Runs the steps of a lap in turn, times them and keeps what they found; the first that fails ends the lap. */
export class StepList {
  readonly #progress: Progress;
  readonly steps: LapReport['steps'] = [];

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  async run<Result>(
    name: string,
    work: (progress: StepProgress) => Promise<{ facts: Facts } & Result>,
  ): Promise<Result> {
    const startedMs = performance.now();
    const secondsSoFar = () => Math.round(performance.now() - startedMs) / 1000;
    const progress = this.#progress.begin(this.steps.length + 1, name);
    try {
      const { facts, ...result } = await work(progress);
      const seconds = secondsSoFar();
      this.steps.push({ name, ok: true, seconds, facts });
      this.#progress.end(true, seconds, facts);
      return result as unknown as Result; // what is left after `facts` was taken out
    } catch (error) {
      const seconds = secondsSoFar();
      const facts = { error: explain(error) };
      this.steps.push({ name, ok: false, seconds, facts });
      this.#progress.end(false, seconds, facts);
      throw new StepFailed(name, error);
    }
  }
}

export class StepFailed extends Error {
  constructor(step: string, cause: unknown) {
    super(`step ${step} failed`, { cause });
    this.name = 'StepFailed';
  }
}

/** A fact that must hold for the lap to go on. */
export function ensure(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
