import { describe, expect, it } from 'vitest';
import { EarlyStopping, type Direction } from './early-stopping.ts';

const validation = [0.6, 0.5, 0.45, 0.47, 0.48, 0.49, 0.5, 0.51];

function run(values: readonly number[], direction: Direction, patience: number) {
  const stopping = new EarlyStopping({ direction, patience });
  const stopped = values.findIndex((value) => stopping.observe(value)) + 1;
  return { stopped, best: stopping.bestRound };
}

describe('early stopping', () => {
  it('stops after round 8 with round 3 as the best', () => {
    expect(run(validation, 'minimize', 5)).toEqual({ stopped: 8, best: 3 });
  });

  it('does the same for the mirrored series that is maximised', () => {
    const mirrored = validation.map((value) => -value);

    expect(run(mirrored, 'maximize', 5)).toEqual({ stopped: 8, best: 3 });
  });

  it('goes on while there is improvement, and NaN is none', () => {
    expect(run([0.6, NaN, 0.5, NaN, NaN], 'minimize', 3)).toEqual({ stopped: 0, best: 3 });
    expect(run([NaN, NaN], 'maximize', 2)).toEqual({ stopped: 2, best: 0 });
  });
});
