import { readFileSync } from 'node:fs';
import { configTable, withReadmePart } from '@flywheel/runtime/testing';
import { expect, it } from 'vitest';
import { config } from './config.ts';

it('the README lists the variables as they are', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

  expect(readme).toBe(withReadmePart(readme, 'config', configTable(config)));
});
