import { describe, expect, it } from 'vitest';
import type { registry } from '@flywheel/contracts';
import { draw } from './draw.ts';
import { pickVariant } from './pick-variant.ts';

function aVariant(name: string, role: registry.Variant['role'], weight: number): registry.Variant {
  return {
    name,
    role,
    weight,
    model: 'm',
    version: 1,
    digest: 'a'.repeat(64),
    sampleRatio: 1,
    artifact: { objectKey: 'k', sha256: 'b'.repeat(64) },
  };
}

const split = [
  aVariant('champion', 'champion', 0.7),
  aVariant('b', 'challenger', 0.1),
  aVariant('a', 'challenger', 0.2),
  aVariant('s', 'shadow', 0),
];

describe('pickVariant', () => {
  it.each([
    [0, 'a'],
    [0.199, 'a'],
    [0.2, 'b'],
    [0.299, 'b'],
    [0.31, 'champion'],
    [0.999, 'champion'],
  ])('gives draw %d to %s', (at, name) => {
    expect(pickVariant(split, at).name).toBe(name);
  });

  it('never answers with a shadow', () => {
    const names = new Set(
      Array.from({ length: 1000 }, (_, index) => pickVariant(split, index / 1000).name),
    );

    expect(names).toEqual(new Set(['a', 'b', 'champion']));
  });

  it('keeps every unit of a challenger when its share grows', () => {
    const narrow = [aVariant('champion', 'champion', 0.8), aVariant('a', 'challenger', 0.2)];
    const wide = [aVariant('champion', 'champion', 0.7), aVariant('a', 'challenger', 0.3)];
    const units = Array.from({ length: 10_000 }, (_, index) => draw('salt', `unit-${index}`));

    const before = units.filter((at) => pickVariant(narrow, at).name === 'a');

    expect(before.length / units.length).toBeCloseTo(0.2, 1);
    expect(before.every((at) => pickVariant(wide, at).name === 'a')).toBe(true);
  });
});

describe('draw', () => {
  it('is the same for the same salt and unit, and another for another salt', () => {
    expect(draw('s', 'u')).toBe(draw('s', 'u'));
    expect(draw('s', 'u')).not.toBe(draw('t', 'u'));
  });
});
