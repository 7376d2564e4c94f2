import { expect, test } from 'vitest';
import { restFaults } from './rest.ts';

const row = { moment: 'after the lap', processes: 3, pssMb: 500, rssMb: 600, cpuPercent: 2 };

test('a platform within its limits has no fault', () => {
  expect(restFaults([row])).toEqual([]);
});

test('too much memory and too much processor are told, each with its figure', () => {
  expect(
    restFaults([
      { ...row, pssMb: 900 },
      { ...row, cpuPercent: 3.04 },
    ]),
  ).toEqual(['at rest after the lap: 900 MB', 'at rest after the lap: 3.0 % of a core']);
});
