import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomName } from './run-name.ts';

it('a name is two words and a number, at most 20 characters', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999999, noNaN: true }), (draw) => {
      const name = randomName(() => draw);

      expect(name).toMatch(/^[a-z]+-[a-z]+-\d{1,3}$/);
      expect(name.length).toBeLessThanOrEqual(20);
    }),
  );
});
