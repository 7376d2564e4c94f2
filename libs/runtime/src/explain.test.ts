import { AppError } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';

const system = (code: string, syscall: string, path?: string) =>
  Object.assign(new Error(`${code}: refused, ${syscall} '${path ?? ''}'`), { code, syscall, path });
const full = new AppError('unavailable', 'batch was not written', {
  cause: system('ENOSPC', 'write'),
});

describe('explain', () => {
  it.each<[string, unknown, string]>([
    [
      'a wrong environment',
      new AppError('invalid_argument', 'the environment is not valid', {
        details: { problems: ['A is missing', 'B must be a number'] },
      }),
      'Configuration is wrong: A is missing; B must be a number.',
    ],
    [
      'a taken port',
      new AppError('conflict', 'port is already in use', { details: { port: 7092 } }),
      'Port 7092 is taken: stop what uses it or set another with FLYWHEEL_HTTP_PORT, FLYWHEEL_KAFKA_PORT or FLYWHEEL_SQL_PORT.',
    ],
    [
      'a port of the system',
      new AppError('permission_denied', 'port may not be opened', { details: { port: 80 } }),
      'Port 80 may not be opened: set one above 1023 with FLYWHEEL_HTTP_PORT.',
    ],
    [
      'a data folder in use',
      new AppError('conflict', 'the data folder is in use', {
        details: { folder: '/d', pid: 7 },
      }),
      'The data folder /d is in use by process 7: stop that process or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a folder of an embedded server in use',
      new AppError('conflict', 'data folder is already in use', {
        details: { folder: '/d/log', pid: 7 },
      }),
      'The data folder /d/log is in use by process 7: stop that process or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a full disk',
      full,
      'The disk is full: free some space or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a full disk below other errors',
      new AggregateError([new Error('outer', { cause: full })]),
      'The disk is full: free some space or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a folder without the right to write',
      system('EACCES', 'mkdir', '/srv/x'),
      '/srv/x may not be written: give this user the right to or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a file where the folder should be',
      system('ENOTDIR', 'mkdir', '/etc/hosts/lock'),
      '/etc/hosts/lock is no folder: move it away or set another folder with FLYWHEEL_DATA.',
    ],
    [
      'a failure that says why',
      new AppError('unavailable', 'the database did not answer', {
        cause: new Error('ECONNREFUSED 10.0.0.7:5432'),
      }),
      'Flywheel could not go on: the database did not answer (ECONNREFUSED 10.0.0.7:5432).',
    ],
    [
      'a bug',
      new TypeError('x is not a function'),
      'Flywheel could not go on: x is not a function.',
    ],
    [
      'what went wrong first, where closing went wrong too',
      Object.assign(new Error('suppressed'), {
        error: new Error('closing'),
        suppressed: new Error('embedded broker ended by itself (SIGKILL)'),
      }),
      'Flywheel could not go on: embedded broker ended by itself (SIGKILL).',
    ],
    ['what is no error at all', 'words', 'Flywheel could not go on: internal error.'],
    [
      'an empty collection of errors',
      new AggregateError([], 'could not close everything'),
      'Flywheel could not go on: could not close everything.',
    ],
  ])('says in one sentence what to do about %s', (_, thrown, sentence) => {
    expect(explain(thrown)).toBe(sentence);
  });
});
