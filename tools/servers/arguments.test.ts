import { describe, expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

describe('the command line of npm run servers', () => {
  test.each([
    [[], { action: 'start', names: ['kafka', 'postgres', 'redis', 's3'], json: false }],
    [['start', 'kafka', 'redis'], { action: 'start', names: ['kafka', 'redis'] }],
    [['s3', 's3'], { action: 'start', names: ['s3'] }],
    [['stop'], { action: 'stop' }],
    [['--json', 'status'], { action: 'status', json: true, fresh: false }],
    [['start', '--fresh'], { action: 'start', fresh: true }],
  ])('%j is understood', (args, command) => {
    expect(parseArguments(args)).toMatchObject(command);
  });

  test.each([
    [['begin'], 'unknown word "begin"'],
    [['start', 'mysql'], 'unknown word "mysql"'],
    [['--jsn'], 'unknown option "--jsn"'],
  ])('%j is refused with the usage', (args, message) => {
    expect(() => parseArguments(args)).toThrow(message);
    expect(() => parseArguments(args)).toThrow('usage: npm run servers');
  });
});
