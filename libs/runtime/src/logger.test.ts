import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { Secret } from './config.ts';

it('log lines are JSON with level, instant, fields and a constant sentence', () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'deep', 'log');
  const log = createLogger({ level: 'info', destination: file, name: 'router' });
  const cause = new Error('socket closed');

  log.debug({}, 'unheard');
  log.child({ service: 'router' }).info({ rows: 3, token: new Secret('hunter2') }, 'rows read');
  log.error({ err: new AppError('unavailable', 'gone', { cause }) }, 'store failed');

  const text = readFileSync(file, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(text).not.toContain('hunter2');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    ...{ level: 30, process: 'router', service: 'router', rows: 3, token: '***' },
    ...{ msg: 'rows read', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string },
  });
  expect(lines[1]).toMatchObject({
    level: 50,
    err: {
      message: expect.stringContaining('gone') as string,
      stack: expect.stringContaining('socket closed') as string,
      code: 'unavailable',
    },
  });
});
