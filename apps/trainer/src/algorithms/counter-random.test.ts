import { describe, expect, it } from 'vitest';
import { drawUnit, drawWord, randomKey } from './counter-random.ts';

describe('counter-based random numbers', () => {
  it('a draw depends on its key and counter alone', () => {
    const inOrder = [0, 1, 2, 3].map((counter) => drawUnit(randomKey(5, 1), counter));
    const backwards = [3, 2, 1, 0].map((counter) => drawUnit(randomKey(5, 1), counter));

    expect(backwards.reverse()).toEqual(inOrder);
    expect(inOrder).toEqual([
      0.6337549928537516, 0.9730186690959371, 0.8237095331007168, 0.8496025057957967,
    ]);
  });

  it('seed, path and the upper half of a large seed all matter', () => {
    const keys = [
      randomKey(1),
      randomKey(1, 0),
      randomKey(1, 1),
      randomKey(2, 1),
      randomKey(1, 2),
      randomKey(1 + 2 ** 32),
    ];

    expect(new Set(keys.map((key) => drawWord(key, 0))).size).toBe(keys.length);
  });

  it.each([0, 1, 12345])('draws are uniform and neighbours are independent, seed %i', (seed) => {
    const key = randomKey(seed, 9);
    const cells = new Array<number>(100).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const cell = Math.floor(drawUnit(key, i) * 10) * 10 + Math.floor(drawUnit(key, i + 1) * 10);
      cells[cell]!++;
    }
    const chiSquare = cells.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);

    // 99 degrees of freedom: mean 99, standard deviation 14
    expect(chiSquare).toBeGreaterThan(50);
    expect(chiSquare).toBeLessThan(160);
  });

  it('the same counter under neighbouring keys is independent', () => {
    let agreements = 0;
    for (let tree = 0; tree < 20_000; tree++)
      if (drawUnit(randomKey(3, tree), 7) < 0.5 === drawUnit(randomKey(3, tree + 1), 7) < 0.5)
        agreements++;

    expect(Math.abs(agreements - 10_000)).toBeLessThan(400);
  });
});
