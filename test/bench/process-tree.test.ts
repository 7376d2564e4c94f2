import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { findChild, treeUsage } from './process-tree.ts';

/** A process with a child of its own, both alive until it is killed; it tells when both run. */
const script = `
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  const child = require('node:child_process').spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)']);
  child.once('spawn', () => process.stdout.write('ready'));
  process.once('SIGTERM', () => { child.kill(); process.exit(); });
  setInterval(() => held.length, 1000); // bench-tree`;

test.runIf(process.platform === 'linux')(
  'a child is found by its command line and counted with its own children',
  async () => {
    const parent = spawn(process.execPath, ['--eval', script]);
    try {
      await once(parent.stdout, 'data');

      const usage = treeUsage(parent.pid!);

      expect(findChild(process.pid, 'bench-tree')).toBe(parent.pid);
      expect(usage.processes).toBe(2);
      expect(usage.pssMb).toBeGreaterThan(64);
      expect(usage.rssMb).toBeGreaterThanOrEqual(usage.pssMb);
      expect(usage.cpuSeconds).toBeGreaterThan(0);
    } finally {
      parent.kill();
      await once(parent, 'exit');
    }
  },
);

test('what has ended uses nothing', () => {
  expect(treeUsage(2 ** 30)).toEqual({ processes: 0, pssMb: 0, rssMb: 0, cpuSeconds: 0 });
});
