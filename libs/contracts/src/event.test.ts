import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, readEventData } from './event.ts';
import { topics } from './topics.ts';

type First = { endpoint: string };
type Second = { endpoint: string; variants: readonly string[] };

const changed = defineEvent({
  type: 'registry.deployment-changed',
  version: 3,
  topic: topics.registryDeployments,
  data: z.object({
    endpoint: z.string().min(1),
    variants: z.array(z.string()).min(1),
    salt: z.string(),
  }),
  key: (data) => data.endpoint,
  older: {
    1: (data: First): Second => ({ ...data, variants: [data.endpoint.toLowerCase()] }),
    2: (data: Second) => ({ ...data, salt: '' }),
  },
});

describe('readEventData', () => {
  it('lifts data of an older version step by step', () => {
    expect(readEventData(changed, 1, { endpoint: 'A' })).toEqual({
      endpoint: 'A',
      variants: ['a'],
      salt: '',
    });
    expect(readEventData(changed, 2, { endpoint: 'A', variants: ['b'] })).toMatchObject({
      variants: ['b'],
    });
  });

  it.each([0, -1, 4, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses version %s, which nobody has defined',
    (version) => {
      expect(() => readEventData(changed, version, { endpoint: 'A' })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    },
  );

  it('names what is wrong, and where', () => {
    const read = () => readEventData(changed, 3, { endpoint: 'a', variants: ['v', 7], salt: '' });

    expect(read).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        details: {
          type: changed.type,
          version: 3,
          rule: 'variants.1: Invalid input: expected string, received number',
        },
      }),
    );
  });

  it.each([null, undefined, 7, 'text', [], {}])(
    'refuses %j as data of an old version, whatever lifting it does',
    (data) => {
      expect(() => readEventData(changed, 1, data)).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    },
  );
});
