import { parseArgs } from 'node:util';
import { invalid } from '@flywheel/core';

export const parts = ['serving', 'chain', 'rest', 'bare'] as const;
export type Part = (typeof parts)[number];

export type Options = {
  rows: number | 'all';
  only: Part | undefined;
  json: boolean;
  rounds: number;
  /** Length of one window under load. */
  seconds: number;
  /** Length of one window at rest. */
  restSeconds: number;
  /** Records that go through the chain in a round. */
  records: number;
};

export function parseOptions(words: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rows: { type: 'string', default: '20000' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      'rest-seconds': { type: 'string', default: '60' },
      records: { type: 'string', default: '50000' },
    },
  });
  const only = parts.find((part) => part === values.only);
  if (values.only !== undefined && only === undefined)
    throw invalid('--only', `must be one of ${parts.join(', ')}`);
  return {
    rows: values.rows === 'all' ? 'all' : whole('--rows', values.rows, 20_000),
    only,
    json: values.json,
    rounds: whole('--rounds', values.rounds, 1),
    seconds: whole('--seconds', values.seconds, 1),
    restSeconds: whole('--rest-seconds', values['rest-seconds'], 1),
    records: whole('--records', values.records, 1000),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw invalid(name, `must be a whole number of at least ${least}`);
}
